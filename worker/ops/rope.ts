// Rotary position embedding (spec 1.5): half-split pairing, dimension j with j + hd/2, positions counted from the first
// puzzle position. x: (B*heads, S, hd), f32.
import * as tf from '@tensorflow/tfjs-core'
import { gatherRows } from './gather-rows.js'
import { primitives } from './primitives.js'
import { kernelFor, registerKernel } from './registry.js'
import { fillOnHeap } from './wasm-heap.js'

/**
 * Tables over (1, S, hd), or (B, S, hd) where every sample stands at positions of its own; `sin` carries the sign of the rotated half: -sin for the first half, +sin for the
 * second.
 */
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

/** The rows of tables over (1, S, hd) that `batch` samples stand at: index (batch * n), rows below S. The caller disposes them. */
export function ropeTablesAt({ cos, sin }: RopeTables, index: Int32Array, batch: number): RopeTables {
  const [, positions, size] = cos.shape
  const pick = (table: tf.Tensor3D): tf.Tensor3D =>
    tf.tidy(() => {
      const rows: tf.Tensor2D = tf.reshape(table, [positions, size])
      return tf.reshape(gatherRows(rows, index), [batch, index.length / batch, size])
    })
  return { cos: pick(cos), sin: pick(sin) }
}

/** x: (B*heads, S, hd); `direction` 1 rotates, -1 rotates back: the transposed rotation, which gradients go through. */
export type RopeKernel = (x: tf.Tensor3D, tables: RopeTables, direction: 1 | -1) => tf.Tensor3D

const reference: RopeKernel = (x, { cos, sin }, direction) =>
  tf.tidy(() => {
    const { add, mul, reshape, sub, swapHalves } = primitives()
    const [samples, positions, size] = cos.shape
    // One table turns all; of several, each the heads of its sample.
    const own = (t: tf.Tensor3D): tf.Tensor =>
      samples === 1 ? t : reshape(t, t === x ? [samples, -1, positions, size] : [samples, 1, positions, size])
    const straight = mul(own(x), own(cos))
    const crossed = mul(swapHalves(own(x)), own(sin))
    const turned = direction === 1 ? add(straight, crossed) : sub(straight, crossed)
    return samples === 1 ? (turned as tf.Tensor3D) : reshape(turned, x.shape)
  })

const inOnePass: RopeKernel = (x, { cos, sin }, direction) =>
  fillOnHeap(x.shape, [x, cos, sin], (out, from, c, s) => {
    const [rows, positions, size] = x.shape
    const half = size / 2
    const sample = positions * size
    const heads = rows / cos.shape[0]
    for (let i = 0; i < out.length; i += size) {
      const t = Math.floor(i / (heads * sample)) * sample + (i % sample)
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
