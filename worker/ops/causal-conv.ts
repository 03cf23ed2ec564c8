// Causal depthwise convolution over positions, then SiLU: y_t = silu(a_t), a_t = bias + sum_k taps_k x_(t-K+1+k), where x before
// the first position of a sample is zero. In Mamba-2 (arXiv 2405.21060) K is 4, before the scan; in URM's ConvSwiGLU
// (arXiv 2512.14693) K is 2. x: (B*S, C), f32.
import * as tf from '@tensorflow/tfjs-core'
import type { Gradients } from './gradients.js'
import type { Table } from './linear.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'

/** How the rows of a tensor are samples and positions: row b*S + t. */
export interface Rows {
  readonly batch: number
  readonly positions: number
}

export interface ConvWeights {
  /** (C, K): the last tap meets the position itself. */
  readonly taps: Table
  /** (C, 1) */
  readonly bias: Table
}

export interface ConvSaved {
  /** (B*S, C) both: the input, and the sum before SiLU. */
  readonly x: tf.Tensor2D
  readonly a: tf.Tensor2D
}

export interface CausalConvKernel {
  /** (B*S, C) -> (B*S, C) */
  forward(x: tf.Tensor2D, weights: ConvWeights, rows: Rows): { y: tf.Tensor2D; saved: ConvSaved }
  /** dL/dx; weight gradients are added to `gradients`. */
  backward(saved: ConvSaved, dy: tf.Tensor2D, weights: ConvWeights, rows: Rows, gradients: Gradients): tf.Tensor2D
}

/** x (B*S, C) as (B, S, C) with so many zero positions before and behind. */
function widened(x: tf.Tensor2D, { batch, positions }: Rows, before: number, behind: number): tf.Tensor3D {
  const samples: tf.Tensor3D = tf.reshape(x, [batch, positions, x.shape[1]])
  return tf.pad(samples, [
    [0, 0],
    [before, behind],
    [0, 0],
  ])
}

/** Positions from `first` on, as many as a sample has: (B*S, C). */
function shifted(wide: tf.Tensor3D, first: number, { batch, positions }: Rows): tf.Tensor2D {
  const channels = wide.shape[2]
  return tf.reshape(tf.slice(wide, [0, first, 0], [batch, positions, channels]), [batch * positions, channels])
}

const tap = ({ table }: Table, k: number): tf.Tensor2D =>
  tf.reshape(tf.slice(table, [0, k], [table.shape[0], 1]), [1, table.shape[0]])

const sum = (terms: readonly tf.Tensor2D[]): tf.Tensor2D => terms.reduce((total, term) => primitives().add(total, term))

const reference: CausalConvKernel = {
  forward: (x, { taps, bias }, rows) =>
    tf.tidy(() => {
      const { add, mul, sigmoid } = primitives()
      const width = taps.table.shape[1]
      const wide = widened(x, rows, width - 1, 0)
      const terms = Array.from({ length: width }, (_, k) => mul(shifted(wide, k, rows), tap(taps, k)))
      const a = add(sum(terms), tap(bias, 0))
      return { y: mul(a, sigmoid(a)), saved: { x, a } }
    }),
  backward: ({ x, a }, dy, { taps, bias }, rows, gradients) =>
    tf.tidy(() => {
      const { add, mul, sigmoid, sub } = primitives()
      const width = taps.table.shape[1]
      const sigma = sigmoid(a)
      const silu = mul(a, sigma)
      const da = mul(dy, add(sigma, sub(silu, mul(silu, sigma))))
      gradients.add(bias.offset, tf.reshape(tf.sum(da, 0), bias.table.shape))
      const before = widened(x, rows, width - 1, 0)
      const dTaps = Array.from({ length: width }, (_, k) => tf.sum(mul(da, shifted(before, k, rows)), 0))
      gradients.add(taps.offset, tf.stack(dTaps, 1))
      const behind = widened(da, rows, 0, width - 1)
      return sum(Array.from({ length: width }, (_, k) => mul(shifted(behind, width - 1 - k, rows), tap(taps, k))))
    }),
}

export const causalConv = (): CausalConvKernel => kernelFor('causalConv', reference)
