// Mamba-2's gated RMS norm (arXiv 2405.21060): y = gain * g / sqrt(mean(g^2) + eps) with g = v silu(z), over the last axis.
// With r = rsqrt(mean(g^2) + eps), n = r g and dn = dy gain: dg = r (dn - n mean(n dn)). v, z: (N, E), f32.
import * as tf from '@tensorflow/tfjs-core'
import type { Gradients } from './gradients.js'
import type { Table } from './linear.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'

export interface GatedNormSaved {
  /** (N, E) both, as given. */
  readonly v: tf.Tensor2D
  readonly z: tf.Tensor2D
  /** (N, 1) */
  readonly r: tf.Tensor2D
}

export interface GatedNormKernel {
  /** gain: (E, 1). (N, E) -> (N, E) */
  forward(v: tf.Tensor2D, z: tf.Tensor2D, gain: Table, eps: number): { y: tf.Tensor2D; saved: GatedNormSaved }
  /** dL/dv and dL/dz; the gradient of the gain is added to `gradients`. */
  backward(
    saved: GatedNormSaved,
    dy: tf.Tensor2D,
    gain: Table,
    gradients: Gradients,
  ): { dv: tf.Tensor2D; dz: tf.Tensor2D }
}

const asRow = ({ table }: Table): tf.Tensor2D => primitives().reshape(table, [1, table.shape[0]])

const gated = (v: tf.Tensor2D, z: tf.Tensor2D): tf.Tensor2D => {
  const { mul, sigmoid } = primitives()
  return mul(v, mul(z, sigmoid(z)))
}

const reference: GatedNormKernel = {
  forward: (v, z, gain, eps) =>
    tf.tidy(() => {
      const { addReal, mean, mul, rsqrt, square } = primitives()
      const g = gated(v, z)
      const r = rsqrt(addReal(mean(square(g)), eps))
      return { y: mul(mul(g, r), asRow(gain)), saved: { v, z, r } }
    }),
  backward: ({ v, z, r }, dy, gain, gradients) =>
    tf.tidy(() => {
      const { add, mean, mul, sigmoid, sub } = primitives()
      const n = mul(gated(v, z), r)
      gradients.add(gain.offset, tf.reshape(tf.sum(mul(dy, n), 0), gain.table.shape))
      const dn = mul(dy, asRow(gain))
      const dg = mul(sub(dn, mul(n, mean(mul(n, dn)))), r)
      const sigma = sigmoid(z)
      const silu = mul(z, sigma)
      const slope = add(sigma, sub(silu, mul(silu, sigma)))
      return { dv: mul(dg, silu), dz: mul(mul(dg, v), slope) }
    }),
}

export const gatedNorm = (): GatedNormKernel => kernelFor('gatedNorm', reference)
