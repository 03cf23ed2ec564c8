// ConvSwiGLU of the Universal Reasoning Model (URM, arXiv 2512.14693): SwiGLU whose expanded channels meet the position before them
// on the way down, y = conv(silu(x Wg^T) * (x Wu^T)) Wd^T, conv being the causal depthwise one with SiLU (causal-conv.ts).
// The paper gives the kernel's width, 2, and the SiLU behind it. That it has a bias and looks back, not ahead, is what the
// published code does (github.com/zitian-gao/URM, models/layers.py at 905c9f5); there its taps are bf16, here f32 like all
// others. x: (B*S, n), f32.
import * as tf from '@tensorflow/tfjs-core'
import type { ConvSaved, ConvWeights, Rows } from './causal-conv.js'
import { causalConv } from './causal-conv.js'
import type { Gradients } from './gradients.js'
import { projection } from './linear.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'
import { scoped } from './scope.js'
import { siluGate } from './silu-gate.js'
import type { SwigluSaved, SwigluWeights } from './swiglu.js'

/** Taps (F, 2) and bias (F, 1) beside those of SwiGLU. */
export type ConvSwigluWeights = SwigluWeights & ConvWeights

export interface ConvSwigluSaved extends SwigluSaved {
  readonly conv: ConvSaved
  /** (B*S, F): what the projection down gets. */
  readonly inner: tf.Tensor2D
}

export interface ConvSwigluKernel {
  /** (B*S, n) -> (B*S, n) */
  forward(x: tf.Tensor2D, weights: ConvSwigluWeights, rows: Rows): { y: tf.Tensor2D; saved: ConvSwigluSaved }
  /** dL/dx; weight gradients are added to `gradients`. */
  backward(
    saved: ConvSwigluSaved,
    dy: tf.Tensor2D,
    weights: ConvSwigluWeights,
    rows: Rows,
    gradients: Gradients,
  ): tf.Tensor2D
}

const reference: ConvSwigluKernel = {
  forward: (x, weights, rows) =>
    scoped(() => {
      const a = projection().forward(x, weights.gate)
      const b = projection().forward(x, weights.up)
      const { y: inner, saved: conv } = causalConv().forward(siluGate().forward(a, b), weights, rows)
      return { y: projection().forward(inner, weights.down), saved: { x, a, b, conv, inner } }
    }),
  backward: ({ x, a, b, conv, inner }, dy, weights, rows, gradients) =>
    tf.tidy(() => {
      const { gate, up, down } = weights
      gradients.add(down.offset, projection().gradWeight(dy, inner))
      const dInner = causalConv().backward(conv, projection().gradInput(dy, down), weights, rows, gradients)
      const { da, db } = siluGate().backward(a, b, dInner)
      gradients.add(gate.offset, projection().gradWeight(da, x))
      gradients.add(up.offset, projection().gradWeight(db, x))
      return primitives().add(projection().gradInput(da, gate), projection().gradInput(db, up))
    }),
}

export const convSwiglu = (): ConvSwigluKernel => kernelFor('convSwiglu', reference)
