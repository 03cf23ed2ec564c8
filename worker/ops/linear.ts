// y = x W^T without bias, W stored (out, in) as in the checkpoint (spec 1.2). x: (N, in), y: (N, out), f32.
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from './primitives.js'
import { kernelFor, registerKernel } from './registry.js'

/** A weight on the device, in the forms its backend multiplies fastest. */
export interface Weight {
  /** First element in the flat buffer: the name of its gradient. */
  readonly offset: number
  /** (out, in). */
  readonly w: tf.Tensor2D
  /** (in, out), where the backend's matmul is slow on transposed operands. */
  readonly wT: tf.Tensor2D | null
}

/** A parameter that is read as it is, and where its gradient goes. */
export interface Table {
  /** First element in the flat buffer. */
  readonly offset: number
  /** (rows, columns) */
  readonly table: tf.Tensor2D
}

export interface LinearKernel {
  /** Consumes `w`. */
  weight(offset: number, w: tf.Tensor2D): Weight
  /** (N, in) -> (N, out) */
  forward(x: tf.Tensor2D, weight: Weight): tf.Tensor2D
  /** dL/dx = dy W: (N, out) -> (N, in) */
  gradInput(dy: tf.Tensor2D, weight: Weight): tf.Tensor2D
  /** dL/dW = dy^T x: (out, in) */
  gradWeight(dy: tf.Tensor2D, x: tf.Tensor2D): tf.Tensor2D
}

const reference: LinearKernel = {
  weight: (offset, w) => ({ offset, w, wT: null }),
  forward: (x, { w }) => primitives().matMul(x, w, false, true),
  gradInput: (dy, { w }) => primitives().matMul(dy, w, false, false),
  gradWeight: (dy, x) => primitives().matMul(dy, x, true, false),
}

// The wasm backend multiplies with XNNPACK only if nothing is transposed (measured: 20 GFLOP/s against 1.2).
const untransposed: LinearKernel = {
  weight: (offset, w) => ({ offset, w, wT: tf.transpose(w) }),
  forward: (x, { w, wT }) => tf.matMul(x, wT ?? tf.transpose(w)),
  gradInput: (dy, { w }) => tf.matMul(dy, w),
  gradWeight: (dy, x) =>
    dy.shape[1] <= x.shape[1]
      ? tf.matMul(tf.transpose(dy), x)
      : tf.transpose(tf.matMul<tf.Tensor2D>(tf.transpose(x), dy)), // turns the smaller operand
}
registerKernel('linear', 'wasm', untransposed)

export const linear = (): LinearKernel => kernelFor('linear', reference)

/** The same inside the network, where a backend may multiply in the precision of its activations. */
export const projection = (): LinearKernel => kernelFor('projection', linear())

export function disposeWeight(weight: Weight): void {
  weight.w.dispose()
  weight.wT?.dispose()
}
