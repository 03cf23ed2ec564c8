// The residual sum and its RMS norm: y = (a + b) / sqrt(mean((a + b)^2) + eps) over the last axis, no gain (spec 1.4).
// With s = a + b and r = rsqrt(mean(s^2) + eps), y = r s and dL/ds = r (dy - y mean(y dy)); a and b both get dL/ds.
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'

export interface AddNormSaved {
  /** (N, n) */
  readonly y: tf.Tensor2D
  /** (N, 1) */
  readonly r: tf.Tensor2D
}

export interface AddNormKernel {
  /** (N, n) x 2 -> (N, n); `saved` is all that backward needs. */
  forward(a: tf.Tensor2D, b: tf.Tensor2D, eps: number): AddNormSaved
  backward(saved: AddNormSaved, dy: tf.Tensor2D): tf.Tensor2D
}

const reference: AddNormKernel = {
  forward: (a, b, eps) =>
    tf.tidy(() => {
      const { add, addReal, mean, mul, rsqrt, square } = primitives()
      const s = add(a, b)
      const r = rsqrt(addReal(mean(square(s)), eps))
      return { y: mul(s, r), r }
    }),
  backward: ({ y, r }, dy) =>
    tf.tidy(() => {
      const { mean, mul, sub } = primitives()
      return mul(sub(dy, mul(y, mean(mul(y, dy)))), r)
    }),
}

export const addNorm = (): AddNormKernel => kernelFor('addNorm', reference)
