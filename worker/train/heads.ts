// What both heads say of some answers, read from the device: logits of every cell, q_halt and q_continue of every row.
import * as tf from '@tensorflow/tfjs-core'
import type { Parameters } from '../model/parameters.js'
import type { Thought, Trm } from '../model/trm.js'
import { linear } from '../ops/linear.js'
import type { Strides } from './loss.js'

export interface QLogits {
  readonly qHalt: Float32Array
  readonly qContinue: Float32Array
}

export interface HeadValues extends QLogits {
  /** (rows, S, V + 2): the logits of a position, then both q without bias. */
  readonly values: Float32Array
  /** Where the logits of the cells stand in it. */
  readonly at: Strides
}

function qOf(
  values: Float32Array,
  rows: number,
  stride: number,
  first: number,
  bias: readonly [number, number],
): QLogits {
  const q = (which: 0 | 1): Float32Array =>
    Float32Array.from({ length: rows }, (_, i) => (values[i * stride + first + which] as number) + bias[which])
  return { qHalt: q(0), qContinue: q(1) }
}

/** Reads q alone. @param out both heads at every position, as Trm.heads gives them */
export function readQ(trm: Trm, parameters: Parameters, out: tf.Tensor2D, rows: number): QLogits {
  const columns = trm.model.vocab + 2
  const read = tf.tidy(() => {
    const perRow: tf.Tensor2D = tf.reshape(out, [rows, trm.positions * columns])
    return tf.slice(perRow, [0, trm.model.vocab], [rows, 2])
  })
  const values = read.dataSync<'float32'>()
  read.dispose()
  return qOf(values, rows, 2, 0, parameters.qBias.values)
}

/** Reads everything. */
export function readHeads(trm: Trm, parameters: Parameters, y: tf.Tensor2D, rows: number): HeadValues {
  const { vocab, puzzleEmbLen } = trm.model
  const out = trm.heads(parameters, y)
  const values = out.dataSync<'float32'>()
  out.dispose()
  const columns = vocab + 2
  const rowStride = trm.positions * columns
  const at = { start: puzzleEmbLen * columns, rowStride, cellStride: columns }
  return { values, at, ...qOf(values, rows, rowStride, vocab, parameters.qBias.values) }
}

/** What q would be after one more supervision step, without gradient (spec 10): only the first position is asked. */
export function nextQ(trm: Trm, parameters: Parameters, x: tf.Tensor2D, after: Thought, rows: number): QLogits {
  const { hidden, vocab } = trm.model
  const thought = trm.think(parameters, x, after, rows)
  const values = tf.tidy(() => {
    const perRow: tf.Tensor2D = tf.reshape(thought[0], [rows, trm.positions * hidden])
    return linear()
      .forward(tf.slice(perRow, [0, 0], [rows, hidden]), parameters.heads)
      .dataSync<'float32'>()
  })
  tf.dispose([...thought])
  return qOf(values, rows, vocab + 2, vocab, parameters.qBias.values)
}
