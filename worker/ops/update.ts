// The optimizer's update of the flat buffers in host memory, as an op: whoever computes it must round exactly like the reference
// in worker/train/adam-atan2.ts and orthogonalise.ts, so that replicas on different backends keep the same bits.

export interface AdamOptions {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly weightDecay: number
}

export interface AdamFactors {
  readonly decay: number
  readonly move: number
  readonly scale: number
  readonly keep1: number
  readonly keep2: number
}

/** What of the options enters the arithmetic, computed once per step. */
export function adamFactors(t: number, { lr, beta1, beta2, weightDecay }: AdamOptions): AdamFactors {
  return {
    decay: 1 - lr * weightDecay,
    move: lr / (1 - beta1 ** t),
    scale: 1 / Math.sqrt(1 - beta2 ** t),
    keep1: 1 - beta1,
    keep2: 1 - beta2,
  }
}

export interface UpdateKernel {
  /** One update of p, m, v by the gradient g at step t (from 1), in place. */
  adamAtan2(p: Float32Array, m: Float32Array, v: Float32Array, g: Float32Array, t: number, options: AdamOptions): void
  /** shadow <- rate shadow + (1 - rate) p, in place. */
  updateEma(shadow: Float32Array, p: Float32Array, rate: number): void
  /** x (rows, columns) <- its orthogonal factor, nearly, in place; in f32, every product and sum rounded, in one order (worker/ops/orthogonalise.ts). */
  orthogonalise(x: Float32Array, rows: number, columns: number): void
}
