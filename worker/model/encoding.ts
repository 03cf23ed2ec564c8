// The question x (spec 1.3): the puzzle vector on position 0, zero vectors up to P, then the token rows; learned positions
// if any; all times sqrt(D).
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { positionsOf } from '../../shared/gradients/layout.js'
import { embedding } from '../ops/embedding.js'
import type { Gradients } from '../ops/gradients.js'
import type { Parameters } from './parameters.js'

/** What the reference multiplies learned positions with: 1/sqrt(2) to nine digits. */
const LEARNED_SCALE = 0.707106781

/** tokens (B, S0), puzzle rows (B, puzzleEmbDim) -> x (B*S, D). */
export function encode(
  model: ModelConfig,
  parameters: Parameters,
  tokens: Uint8Array,
  rows: Float32Array,
  batch: number,
): tf.Tensor2D {
  const { hidden: D, puzzleEmbLen: P, puzzleEmbDim, seqLen } = model
  const S = positionsOf(model)
  return tf.tidy(() => {
    const grid: tf.Tensor2D = tf.reshape(embedding().forward(parameters.tokens.table, tokens), [batch, seqLen * D])
    const puzzle = (): tf.Tensor2D => {
      const padded = new Float32Array(batch * P * D)
      for (let b = 0; b < batch; b++) padded.set(rows.subarray(b * puzzleEmbDim, (b + 1) * puzzleEmbDim), b * P * D)
      return tf.tensor2d(padded, [batch, P * D])
    }
    let e: tf.Tensor = P > 0 ? tf.concat([puzzle(), grid], 1) : grid
    if (parameters.positions !== null) {
      const positions = tf.reshape(parameters.positions.table, [1, S * D])
      e = tf.mul(tf.add(e, positions), LEARNED_SCALE)
    }
    return tf.reshape(tf.mul(e, Math.sqrt(D)), [batch * S, D])
  })
}

/** Gradient of the puzzle rows (B, puzzleEmbDim); those of the tables are added to `gradients`. dx: (B*S, D). */
export function encodeBackward(
  model: ModelConfig,
  parameters: Parameters,
  tokens: Uint8Array,
  batch: number,
  dx: tf.Tensor2D,
  gradients: Gradients,
): Float32Array {
  const { hidden: D, puzzleEmbLen: P, puzzleEmbDim, seqLen, vocab } = model
  const S = positionsOf(model)
  const read = tf.tidy(() => {
    let de: tf.Tensor2D = tf.reshape(tf.mul(dx, Math.sqrt(D)), [batch, S * D])
    if (parameters.positions !== null) {
      de = tf.mul(de, LEARNED_SCALE)
      gradients.add(parameters.positions.offset, tf.reshape(tf.sum(de, 0), [S, D]))
    }
    const dGrid: tf.Tensor2D = tf.reshape(tf.slice(de, [0, P * D], [batch, seqLen * D]), [batch * seqLen, D])
    gradients.add(parameters.tokens.offset, embedding().gradTable(tokens, vocab, dGrid))
    return tf.slice(de, [0, 0], [batch, puzzleEmbDim])
  })
  const values = read.dataSync<'float32'>().slice()
  read.dispose()
  return values
}
