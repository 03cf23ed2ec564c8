// The sparse optimizer of the puzzle table (spec 3.2): gradients of one id are summed in slot order, then only the sign counts.
// Rows whose id is not in the batch neither move nor decay. All arithmetic is f32.

export interface SparseSums {
  /** Ascending, each once. */
  readonly ids: Int32Array
  /** f32 [ids, dim]. */
  readonly sums: Float32Array
}

/**
 * @param ids puzzle of each slot, in slot order
 * @param grads f32 [slots, dim], in slot order
 */
export function sumPerId(ids: Int32Array | readonly number[], grads: Float32Array, dim: number): SparseSums {
  if (grads.length !== ids.length * dim) {
    throw new RangeError(`${grads.length} gradient elements for ${ids.length} ids of width ${dim}`)
  }
  const unique = Int32Array.from(new Set(ids)).sort()
  const place = new Map<number, number>()
  unique.forEach((id, i) => place.set(id, i * dim))
  const sums = new Float32Array(unique.length * dim)
  for (let slot = 0; slot < ids.length; slot++) {
    const to = place.get(ids[slot]!)!
    const from = slot * dim
    for (let d = 0; d < dim; d++) sums[to + d] = sums[to + d]! + grads[from + d]!
  }
  return { ids: unique, sums }
}

/** row <- row * (1 - lr * weightDecay) - lr * sign(sum), in place; sign(0) = 0. Both f32 [dim]. */
export function signSgdRow(row: Float32Array, sum: Float32Array, lr: number, weightDecay: number): void {
  const keep = Math.fround(1 - lr * weightDecay)
  const step = Math.fround(lr)
  for (let d = 0; d < row.length; d++) row[d] = Math.fround(row[d]! * keep) - step * Math.sign(sum[d]!)
}
