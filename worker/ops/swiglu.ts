// SwiGLU over the last axis (spec 1.4): y = (silu(x Wg^T) * (x Wu^T)) Wd^T. In the checkpoint Wg and Wu are one matrix,
// gate rows first; here they are two, so that their outputs need not be cut apart.
// Normed (arXiv 2601.19085): sigmoid(a) * RMSNorm(a * b) in place of silu(a) * b, where a = x Wg^T and b = x Wu^T: the same, times
// r = rsqrt(mean((a b)^2) + eps) of the row, so that nothing grows with the gates. No gain, as in all norms here (our choice).
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
  /** Normed: r, (N, 1). */
  readonly r?: tf.Tensor2D
}

export interface SwigluKernel {
  /** (N, n) -> (N, n). @param normEps epsilon of the norm inside; undefined: none */
  forward(x: tf.Tensor2D, weights: SwigluWeights, normEps?: number): { y: tf.Tensor2D; saved: SwigluSaved }
  /** dL/dx; weight gradients are added to `gradients`. */
  backward(saved: SwigluSaved, dy: tf.Tensor2D, weights: SwigluWeights, gradients: Gradients): tf.Tensor2D
}

/** The composition of the smaller ops. */
export const composedSwiglu: SwigluKernel = {
  forward: (x, { gate, up, down }, normEps) =>
    tf.tidy(() => {
      const { addReal, mean, mul, rsqrt, sigmoid, square } = primitives()
      const a = linear().forward(x, gate)
      const b = linear().forward(x, up)
      const act = mul(mul(a, sigmoid(a)), b)
      if (normEps === undefined) return { y: linear().forward(act, down), saved: { x, a, b } }
      const r = rsqrt(addReal(mean(square(mul(a, b))), normEps))
      return { y: linear().forward(mul(act, r), down), saved: { x, a, b, r } }
    }),
  backward: ({ x, a, b, r }, dy, { gate, up, down }, gradients) =>
    tf.tidy(() => {
      const { add, mean, mul, mulReal, sigmoid, square, sub } = primitives()
      const sigma = sigmoid(a)
      const silu = mul(a, sigma)
      const act = mul(silu, b)
      gradients.add(down.offset, linear().gradWeight(dy, r === undefined ? act : mul(act, r)))
      const dOut = linear().gradInput(dy, down)
      const dInner = r === undefined ? dOut : mul(dOut, r)
      // From r, by way of p = a b: dr/dp = -r^3 p / F.
      const slide = r === undefined ? null : mulReal(mul(mul(mean(mul(dOut, act)), r), square(r)), -1)
      const dProduct = slide === null ? null : mul(mul(a, b), slide)
      const withProduct = (d: tf.Tensor2D, other: tf.Tensor2D): tf.Tensor2D =>
        dProduct === null ? d : add(d, mul(dProduct, other))
      const dUp = withProduct(mul(dInner, silu), a)
      // silu' = sigma + silu (1 - sigma)
      const slope = add(sigma, sub(silu, mul(silu, sigma)))
      const dGate = withProduct(mul(mul(dInner, b), slope), b)
      gradients.add(gate.offset, linear().gradWeight(dGate, x))
      gradients.add(up.offset, linear().gradWeight(dUp, x))
      return add(linear().gradInput(dGate, gate), linear().gradInput(dUp, up))
    }),
}

export const swiglu = (): SwigluKernel => kernelFor('swiglu', composedSwiglu)
