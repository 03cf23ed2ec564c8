// Batched matrix product of attention: one small product per (row of the batch, head). f32.
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from './primitives.js'
import { kernelFor, registerKernel } from './registry.js'
import { fillOnHeap } from './wasm-heap.js'

/** (G, m, k) x (G, k, n) -> (G, m, n); with a transpose flag the operand's last two axes are stored swapped. */
export type BatchMatMulKernel = (
  a: tf.Tensor3D,
  b: tf.Tensor3D,
  transposeA?: boolean,
  transposeB?: boolean,
) => tf.Tensor3D

const reference: BatchMatMulKernel = (a, b, transposeA = false, transposeB = false) =>
  primitives().matMul(a, b, transposeA, transposeB)

// The wasm backend has two paths: XNNPACK for single, untransposed products, at 0.3 ms of preparation each, and a plain
// loop of about 3 GFLOP/s for batched ones (measured). From this many multiplications per product on, one by one wins.
const ALONE_FROM = 1_500_000

const nth = (x: tf.Tensor3D, i: number): tf.Tensor2D => {
  const [, rows, columns] = x.shape
  const size = rows * columns
  return fillOnHeap([rows, columns], [x], (out, all) => out.set(all.subarray(i * size, (i + 1) * size)))
}

const bySize: BatchMatMulKernel = (a, b, transposeA = false, transposeB = false) =>
  tf.tidy(() => {
    const left = transposeA ? tf.transpose(a, [0, 2, 1]) : a
    const right = transposeB ? tf.transpose(b, [0, 2, 1]) : b
    const [count, m, k] = left.shape
    const n = right.shape[2]
    if (m * k * n < ALONE_FROM) return tf.matMul(left, right)
    const products = Array.from({ length: count }, (_, i) =>
      tf.tidy(() => tf.matMul<tf.Tensor2D>(nth(left, i), nth(right, i))),
    )
    return tf.reshape(tf.concat(products, 0), [count, m, n])
  })
registerKernel('batchMatMul', 'wasm', bySize)

export const batchMatMul: BatchMatMulKernel = (a, b, transposeA, transposeB) =>
  kernelFor('batchMatMul', reference)(a, b, transposeA, transposeB)
