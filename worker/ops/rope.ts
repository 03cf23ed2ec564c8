// Rotary position embedding (spec 1.5): half-split pairing, dimension j with j + hd/2, positions counted from the first
// puzzle position. x: (G, S, hd), f32.
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from './primitives.js'
import { kernelFor, registerKernel } from './registry.js'
import { fillOnHeap } from './wasm-heap.js'

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

/** x: (G, S, hd); `direction` 1 rotates, -1 rotates back: the transposed rotation, which gradients go through. */
export type RopeKernel = (x: tf.Tensor3D, tables: RopeTables, direction: 1 | -1) => tf.Tensor3D

const reference: RopeKernel = (x, { cos, sin }, direction) =>
  tf.tidy(() => {
    const { add, mul, sub, swapHalves } = primitives()
    const straight = mul(x, cos)
    const crossed = mul(swapHalves(x), sin)
    return direction === 1 ? add(straight, crossed) : sub(straight, crossed)
  })

const inOnePass: RopeKernel = (x, { cos, sin }, direction) =>
  fillOnHeap(x.shape, [x, cos, sin], (out, from, c, s) => {
    const [, , size] = x.shape
    const half = size / 2
    const table = c.length
    for (let i = 0, t = 0; i < out.length; i += size, t = t + size === table ? 0 : t + size) {
      for (let j = 0; j < half; j++) {
        const low = from[i + j] as number
        const high = from[i + half + j] as number
        const cosine = c[t + j] as number
        const sine = direction * (s[t + half + j] as number)
        out[i + j] = low * cosine - high * sine
        out[i + half + j] = high * cosine + low * sine
      }
    }
  })
registerKernel('rope', 'wasm', inOnePass)

export const rotate = (x: tf.Tensor3D, tables: RopeTables): tf.Tensor3D => kernelFor('rope', reference)(x, tables, 1)
export const rotateBack = (dy: tf.Tensor3D, tables: RopeTables): tf.Tensor3D =>
  kernelFor('rope', reference)(dy, tables, -1)
