// The residual sum and its RMS norm: y = (a + b) / sqrt(mean((a + b)^2) + eps) over the last axis, no gain (spec 1.4).
// With s = a + b and r = rsqrt(mean(s^2) + eps), y = r s and dL/ds = r (dy - y mean(y dy)); a and b both get dL/ds.
import * as tf from '@tensorflow/tfjs-core'
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
      const s = tf.add<tf.Tensor2D>(a, b)
      const r: tf.Tensor2D = tf.rsqrt(tf.add(tf.mean<tf.Tensor2D>(tf.square(s), 1, true), eps))
      return { y: tf.mul<tf.Tensor2D>(s, r), r }
    }),
  backward: ({ y, r }, dy) =>
    tf.tidy(() => tf.mul(tf.sub(dy, tf.mul(y, tf.mean<tf.Tensor2D>(tf.mul(y, dy), 1, true))), r)),
}

export const addNorm = (): AddNormKernel => kernelFor('addNorm', reference)
