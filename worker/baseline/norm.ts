// RMS norm with gain: y = g x r, r = 1 / sqrt(mean(x^2) + eps). With n = x r, dL/dx = r (e - n mean(n e)), e = g dy, and
// dL/dg is the sum over rows of dy n. x: (N, n), g: (1, n).
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from '../ops/primitives.js'
import type { ParameterGradients } from './projection.js'
import type { Parameter } from './weights.js'

const EPS = 1e-5

const scaleOf = (x: tf.Tensor2D): tf.Tensor2D => {
  const { addReal, mean, rsqrt, square } = primitives()
  return rsqrt(addReal(mean(square(x)), EPS))
}

export const rmsNorm = (x: tf.Tensor2D, gain: Parameter): tf.Tensor2D =>
  tf.tidy(() => {
    const { mul } = primitives()
    return mul(mul(x, scaleOf(x)), gain.value)
  })

export const rmsNormBackward = (
  x: tf.Tensor2D,
  dy: tf.Tensor2D,
  gain: Parameter,
  gradients: ParameterGradients,
): tf.Tensor2D =>
  tf.tidy(() => {
    const { mean, mul, sub } = primitives()
    const r = scaleOf(x)
    const n = mul(x, r)
    if (gain.trained) gradients.add(gain, tf.sum<tf.Tensor2D>(mul(dy, n), 0, true))
    const e = mul(dy, gain.value)
    return mul(sub(e, mul(n, mean(mul(n, e)))), r)
  })
