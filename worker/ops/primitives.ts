// The few primitive ops that the kernels of this folder are written in, so that a backend can offer its own way to them:
// `portable` calls tfjs; for `tensorflow` see tensorflow-primitives.ts. All f32; elementwise ops broadcast the second operand.
import * as tf from '@tensorflow/tfjs-core'
import { kernelFor } from './registry.js'

export interface Primitives {
  readonly add: <T extends tf.Tensor>(a: T, b: tf.Tensor) => T
  readonly sub: <T extends tf.Tensor>(a: T, b: tf.Tensor) => T
  readonly mul: <T extends tf.Tensor>(a: T, b: tf.Tensor) => T
  readonly addReal: <T extends tf.Tensor>(a: T, value: number) => T
  readonly mulReal: <T extends tf.Tensor>(a: T, value: number) => T
  readonly square: <T extends tf.Tensor>(x: T) => T
  readonly rsqrt: <T extends tf.Tensor>(x: T) => T
  readonly sigmoid: <T extends tf.Tensor>(x: T) => T
  /** Over the last axis. */
  readonly softmax: <T extends tf.Tensor>(x: T) => T
  /** Over the last axis, which stays with size 1. */
  readonly mean: <T extends tf.Tensor>(x: T) => T
  readonly sum: <T extends tf.Tensor>(x: T) => T
  readonly reshape: <T extends tf.Tensor>(x: tf.Tensor, shape: readonly number[]) => T
  readonly transpose: <T extends tf.Tensor>(x: T, order: readonly number[]) => T
  /** The two halves of the last axis change places. */
  readonly swapHalves: <T extends tf.Tensor>(x: T) => T
  /** (.., m, k) x (.., k, n) -> (.., m, n), equal leading axes; a flag says that an operand is stored transposed. */
  readonly matMul: <T extends tf.Tensor>(a: T, b: T, transposeA: boolean, transposeB: boolean) => T
}

const portable: Primitives = {
  add: (a, b) => tf.add(a, b),
  sub: (a, b) => tf.sub(a, b),
  mul: (a, b) => tf.mul(a, b),
  addReal: (a, value) => tf.add(a, value),
  mulReal: (a, value) => tf.mul(a, value),
  square: (x) => tf.square(x),
  rsqrt: (x) => tf.rsqrt(x),
  sigmoid: (x) => tf.sigmoid(x),
  softmax: (x) => tf.softmax(x, -1),
  mean: (x) => tf.mean(x, -1, true),
  sum: (x) => tf.sum(x, -1, true),
  reshape: <T extends tf.Tensor>(x: tf.Tensor, shape: readonly number[]) => tf.reshape(x, [...shape]) as T,
  transpose: (x, order) => tf.transpose(x, [...order]),
  swapHalves: <T extends tf.Tensor>(x: T) => {
    const half = (x.shape.at(-1) ?? 0) / 2
    const rest = x.shape.slice(0, -1)
    const piece = (from: number): tf.Tensor => tf.slice(x, [...rest.map(() => 0), from], [...rest, half])
    return tf.concat([piece(half), piece(0)], -1) as T
  },
  matMul: (a, b, transposeA, transposeB) => tf.matMul(a, b, transposeA, transposeB),
}

export const primitives = (): Primitives => kernelFor('primitives', portable)
