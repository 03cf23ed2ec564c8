// How long a gradient is.

/** L2 norm, summed in doubles from the first number to the last: equal buffers give equal bits. */
export function l2Norm(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * (values[i] as number)
  return Math.sqrt(sum)
}
