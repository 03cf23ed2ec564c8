// Network calls one after the other, as a piece of work that is done again and again: a backend may record what it asks of its
// device the first time, and ask for all of it in one go from then on.
import type * as tf from '@tensorflow/tfjs-core'
import type { NetworkShape, Stack } from './network.js'
import { kernelFor } from './registry.js'

/** A function of `inputs`, of the weights and of nothing else; the same `what` and `shape` mean the same work. */
export interface Work {
  readonly what: string
  readonly shape: NetworkShape
  readonly stacks: readonly Stack[]
  readonly inputs: readonly tf.Tensor2D[]
  perform(inputs: readonly tf.Tensor2D[]): tf.Tensor2D[]
}

/** Recordings that a backend keeps at once, at most: each keeps the states of a batch and some more (worker/train/gpu-memory.ts). */
export const MOST_RECORDED = 2

/** What `work.perform` makes of its inputs, in tensors of their own. */
export type ReplayKernel = (work: Work) => tf.Tensor2D[]

const reference: ReplayKernel = (work) => work.perform(work.inputs)

export const replayed: ReplayKernel = (work) => kernelFor('replay', reference)(work)
