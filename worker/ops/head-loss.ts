// The loss of every row and the gradient of the heads' outputs (spec 2) where the outputs are, for backends that have a kernel: what
// the host would do is worker/train/loss.ts, and needs every logit there.
import type * as tf from '@tensorflow/tfjs-core'

export interface HeadLossInput {
  readonly rows: number
  readonly positions: number
  /** Cells begin at this position. */
  readonly first: number
  readonly vocab: number
  /** (rows, positions - first); `ignored` marks cells without loss. */
  readonly labels: Uint8Array
  readonly ignored: number
  /** Of the gradient: 1 / slots of the global batch. */
  readonly weight: number
  /** Biases of q_halt and q_continue. */
  readonly bias: readonly [number, number]
  /** Where q_continue learns, if it does. */
  readonly targets: ArrayLike<number> | null
}

export interface HeadLoss {
  /** (rows, 3): the loss divided by the valid cells, valid cells, right ones among them. */
  readonly facts: Float64Array
  /** As the outputs: (rows * positions, vocab + 2). */
  readonly dOut: tf.Tensor2D
}

/** @throws Error naming a label that is not below vocab */
export type HeadLossKernel = (out: tf.Tensor2D, input: HeadLossInput) => HeadLoss
