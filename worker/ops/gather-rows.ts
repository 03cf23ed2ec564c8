// Rows of a matrix, by index: the embedding lookup, and the carry of a step (kept rows and fresh ones).
import * as tf from '@tensorflow/tfjs-core'
import { kernelFor, registerKernel } from './registry.js'
import { fillOnHeap } from './wasm-heap.js'

/** (R, width), n indices below R -> (n, width); f32. */
export type GatherRowsKernel = (x: tf.Tensor2D, index: Int32Array) => tf.Tensor2D

const reference: GatherRowsKernel = (x, index) => tf.tidy(() => tf.gather(x, tf.tensor1d(index, 'int32')))

const copied: GatherRowsKernel = (x, index) => {
  const width = x.shape[1]
  return fillOnHeap([index.length, width], [x], (out, rows) => {
    index.forEach((row, i) => out.set(rows.subarray(row * width, (row + 1) * width), i * width))
  })
}
registerKernel('gatherRows', 'wasm', copied)

export const gatherRows: GatherRowsKernel = (x, index) => kernelFor('gatherRows', reference)(x, index)
