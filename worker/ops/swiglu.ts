// SwiGLU over the last axis (spec 1.4): y = (silu(x Wg^T) * (x Wu^T)) Wd^T. In the checkpoint Wg and Wu are one matrix,
// gate rows first; here they are two, so that their outputs need not be cut apart.
import * as tf from '@tensorflow/tfjs-core'
import type { Gradients } from './gradients.js'
import type { Weight } from './linear.js'
import { linear } from './linear.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'

export interface SwigluWeights {
  /** (F, n) */
  readonly gate: Weight
  /** (F, n) */
  readonly up: Weight
  /** (n, F) */
  readonly down: Weight
}

export interface SwigluSaved {
  /** (N, n) */
  readonly x: tf.Tensor2D
  /** Gate and up outputs before the activation, (N, F). */
  readonly a: tf.Tensor2D
  readonly b: tf.Tensor2D
}

export interface SwigluKernel {
  /** (N, n) -> (N, n) */
  forward(x: tf.Tensor2D, weights: SwigluWeights): { y: tf.Tensor2D; saved: SwigluSaved }
  /** dL/dx; weight gradients are added to `gradients`. */
  backward(saved: SwigluSaved, dy: tf.Tensor2D, weights: SwigluWeights, gradients: Gradients): tf.Tensor2D
}

const reference: SwigluKernel = {
  forward: (x, { gate, up, down }) =>
    tf.tidy(() => {
      const { mul, sigmoid } = primitives()
      const a = linear().forward(x, gate)
      const b = linear().forward(x, up)
      const y = linear().forward(mul(mul(a, sigmoid(a)), b), down)
      return { y, saved: { x, a, b } }
    }),
  backward: ({ x, a, b }, dy, { gate, up, down }, gradients) =>
    tf.tidy(() => {
      const { add, mul, sigmoid, sub } = primitives()
      const sigma = sigmoid(a)
      const silu = mul(a, sigma)
      gradients.add(down.offset, linear().gradWeight(dy, mul(silu, b)))
      const dInner = linear().gradInput(dy, down)
      const dUp = mul(dInner, silu)
      // silu' = sigma + silu (1 - sigma)
      const slope = add(sigma, sub(silu, mul(silu, sigma)))
      const dGate = mul(mul(dInner, b), slope)
      gradients.add(gate.offset, linear().gradWeight(dGate, x))
      gradients.add(up.offset, linear().gradWeight(dUp, x))
      return add(linear().gradInput(dGate, gate), linear().gradInput(dUp, up))
    }),
}

export const swiglu = (): SwigluKernel => kernelFor('swiglu', reference)
