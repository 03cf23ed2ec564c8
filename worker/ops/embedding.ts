// Rows of a table by token (spec 1.3). The gradient is a product with the transposed one-hot matrix: unlike scatter-add it
// sums in the same order everywhere, and V is small.
import * as tf from '@tensorflow/tfjs-core'
import { gatherRows } from './gather-rows.js'
import { kernelFor } from './registry.js'

export interface EmbeddingKernel {
  /** table (V, D), tokens (N) -> (N, D) */
  forward(table: tf.Tensor2D, tokens: Uint8Array): tf.Tensor2D
  /** dL/dtable (V, D) from dy (N, D). */
  gradTable(tokens: Uint8Array, vocab: number, dy: tf.Tensor2D): tf.Tensor2D
}

const reference: EmbeddingKernel = {
  forward: (table, tokens) => gatherRows(table, Int32Array.from(tokens)),
  gradTable: (tokens, vocab, dy) =>
    tf.tidy(() => {
      const oneHot = new Float32Array(vocab * tokens.length)
      tokens.forEach((token, i) => (oneHot[token * tokens.length + i] = 1))
      return tf.matMul<tf.Tensor2D>(tf.tensor2d(oneHot, [vocab, tokens.length]), dy)
    }),
}

export const embedding = (): EmbeddingKernel => kernelFor('embedding', reference)
