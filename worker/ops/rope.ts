// Rotary position embedding (spec 1.5): half-split pairing, dimension j with j + hd/2, positions counted from the first
// puzzle position. x: (G, S, hd), f32.
import * as tf from '@tensorflow/tfjs-core'

/** Tables over (1, S, hd); `sin` carries the sign of the rotated half: -sin for the first half, +sin for the second. */
export interface RopeTables {
  readonly cos: tf.Tensor3D
  readonly sin: tf.Tensor3D
}

/** Angles are computed in f64 from the f32 frequencies of the reference, then rounded once. */
export function ropeTables(positions: number, headDim: number, theta: number): RopeTables {
  const half = headDim / 2
  const cos = new Float32Array(positions * headDim)
  const sin = new Float32Array(positions * headDim)
  for (let j = 0; j < half; j++) {
    const frequency = Math.fround(theta ** ((-2 * j) / headDim))
    for (let t = 0; t < positions; t++) {
      const angle = Math.fround(t * frequency)
      const at = t * headDim + j
      cos[at] = cos[at + half] = Math.cos(angle)
      sin[at + half] = Math.sin(angle)
      sin[at] = -Math.sin(angle)
    }
  }
  const shape: [number, number, number] = [1, positions, headDim]
  return { cos: tf.tensor3d(cos, shape), sin: tf.tensor3d(sin, shape) }
}

function swapHalves(x: tf.Tensor3D): tf.Tensor3D {
  const half = x.shape[2] / 2
  return tf.concat([tf.slice(x, [0, 0, half], [-1, -1, half]), tf.slice(x, [0, 0, 0], [-1, -1, half])], 2)
}

export const rotate = (x: tf.Tensor3D, { cos, sin }: RopeTables): tf.Tensor3D =>
  tf.tidy(() => tf.add(tf.mul(x, cos), tf.mul(swapHalves(x), sin)))

/** The transposed rotation: what gradients go through. */
export const rotateBack = (dy: tf.Tensor3D, { cos, sin }: RopeTables): tf.Tensor3D =>
  tf.tidy(() => tf.sub(tf.mul(dy, cos), tf.mul(swapHalves(dy), sin)))
