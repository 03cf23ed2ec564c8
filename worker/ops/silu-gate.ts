// The activation of SwiGLU by itself: y = silu(a) b, for a sub-layer that does something between it and the projection down.
// All f32, of one shape.
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'
import { scoped } from './scope.js'

export interface SiluGateKernel {
  forward(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D
  backward(a: tf.Tensor2D, b: tf.Tensor2D, dy: tf.Tensor2D): { da: tf.Tensor2D; db: tf.Tensor2D }
}

const reference: SiluGateKernel = {
  forward: (a, b) =>
    tf.tidy(() => {
      const { mul, sigmoid } = primitives()
      return mul(mul(a, sigmoid(a)), b)
    }),
  backward: (a, b, dy) =>
    scoped(() => {
      const { add, mul, sigmoid, sub } = primitives()
      const sigma = sigmoid(a)
      const silu = mul(a, sigma)
      return { da: mul(mul(dy, b), add(sigma, sub(silu, mul(silu, sigma)))), db: mul(dy, silu) }
    }),
}

export const siluGate = (): SiluGateKernel => kernelFor('siluGate', reference)
