// The optimizer's update of the flat buffers in host memory, as an op: whoever computes it must round exactly like the reference
// in worker/train/adam-atan2.ts and orthogonalise.ts, so that replicas on different backends keep the same bits.
import type * as tf from '@tensorflow/tfjs-core'

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
  /** Takes the buffers to where the backend computes, to stay there from update to update. Absent: they live in host memory. */
  reside?(start: ResidentBuffers): Resident
}

/** Flat buffers of one length, in host memory. */
export interface ResidentBuffers {
  readonly params: Float32Array
  readonly ema: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
}

/** A piece of a flat buffer from `offset` on, as a tensor (rows, columns) of its own. */
export type Cut = (offset: number, rows: number, columns: number) => tf.Tensor2D

/** Weights, moments and average on the device. Of the host's buffers `params` alone is kept up to date: the vote reads it. */
export interface Resident {
  /** AdamATan2 by the gradient g (host memory) at step t, then the average, unless its rate is null. */
  apply(g: Float32Array, t: number, options: AdamOptions, emaRate: number | null): void
  cut(of: 'params' | 'ema'): Cut
  /** A copy in host memory. */
  read(of: 'ema' | 'm' | 'v'): Float32Array
  dispose(): void
}
