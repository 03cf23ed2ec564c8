// The step that all workers take together after a round of local steps (DiLoCo, arXiv 2311.08105, algorithm 1): SGD with
// Nesterov momentum on the mean of how far each came. On the host in f64, rounded to f32 once per stored value, so every
// replica gets the same bits.

export interface OuterOptions {
  readonly lr: number
  readonly momentum: number
}

/**
 * momentum <- mu momentum + mean; params <- params - lr (mean + mu momentum), in place.
 * @param mean pseudo-gradient: start of the round - end of it, mean over the workers by slots; f32 like the others
 */
export function outerStep(
  params: Float32Array,
  momentum: Float32Array,
  mean: Float32Array,
  { lr, momentum: mu }: OuterOptions,
): void {
  for (let i = 0; i < params.length; i++) {
    const moved = mean[i]!
    momentum[i] = mu * momentum[i]! + moved
    params[i] = params[i]! - lr * (moved + mu * momentum[i]!)
  }
}
