// Self-attention without mask (spec 1.4): y = concat_heads(softmax(Q K^T / sqrt(hd)) V) Wo^T, RoPE on Q and K. In the
// checkpoint Wq, Wk, Wv are one matrix (Q rows first, heads in order); here they are three. x: (B*S, D), f32.
import * as tf from '@tensorflow/tfjs-core'
import { batchMatMul } from './batch-matmul.js'
import type { Gradients } from './gradients.js'
import type { Weight } from './linear.js'
import { linear } from './linear.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'
import type { RopeTables } from './rope.js'
import { rotate, rotateBack } from './rope.js'
import { scoped } from './scope.js'

export interface AttentionWeights {
  /** (D, D) each. */
  readonly q: Weight
  readonly k: Weight
  readonly v: Weight
  readonly o: Weight
}

export interface AttentionShape {
  readonly batch: number
  readonly positions: number
  readonly heads: number
  readonly rope: RopeTables | null
}

export interface AttentionSaved {
  readonly x: tf.Tensor2D
  /** After RoPE, q also scaled by 1/sqrt(hd); (B*heads, S, hd). */
  readonly q: tf.Tensor3D
  readonly k: tf.Tensor3D
  readonly v: tf.Tensor3D
  /** softmax(Q K^T) V, (B*heads, S, hd). */
  readonly context: tf.Tensor3D
  /** softmax(Q K^T), (B*heads, S, S); left out, and computed again, for long sequences. */
  readonly p: tf.Tensor3D | null
}

export interface AttentionKernel {
  forward(x: tf.Tensor2D, weights: AttentionWeights, shape: AttentionShape): { y: tf.Tensor2D; saved: AttentionSaved }
  /** dL/dx; weight gradients are added to `gradients`. */
  backward(
    saved: AttentionSaved,
    dy: tf.Tensor2D,
    weights: AttentionWeights,
    shape: AttentionShape,
    gradients: Gradients,
  ): tf.Tensor2D
}

/** Up to this many positions the attention matrix is kept for backward. */
const KEEP_UP_TO = 256

function toHeads(x: tf.Tensor2D, { batch, positions, heads }: AttentionShape): tf.Tensor3D {
  const size = x.shape[1] / heads
  const { reshape, transpose } = primitives()
  const split = reshape(x, [batch, positions, heads, size])
  return reshape(transpose(split, [0, 2, 1, 3]), [batch * heads, positions, size])
}

function fromHeads(x: tf.Tensor3D, { batch, positions, heads }: AttentionShape): tf.Tensor2D {
  const { reshape, transpose } = primitives()
  const split = reshape(x, [batch, heads, positions, x.shape[2]])
  return reshape(transpose(split, [0, 2, 1, 3]), [batch * positions, heads * x.shape[2]])
}

const attend = (q: tf.Tensor3D, k: tf.Tensor3D): tf.Tensor3D => primitives().softmax(batchMatMul(q, k, false, true))

const reference: AttentionKernel = {
  forward: (x, w, shape) =>
    scoped(() => {
      const head = (weight: Weight): tf.Tensor3D => toHeads(linear().forward(x, weight), shape)
      const turn = (t: tf.Tensor3D): tf.Tensor3D => (shape.rope === null ? t : rotate(t, shape.rope))
      const scale = Math.sqrt(shape.heads / x.shape[1])
      const q = primitives().mulReal(turn(head(w.q)), scale)
      const k = turn(head(w.k))
      const v = head(w.v)
      const p = attend(q, k)
      const context = batchMatMul(p, v)
      const y = linear().forward(fromHeads(context, shape), w.o)
      return { y, saved: { x, q, k, v, context, p: shape.positions <= KEEP_UP_TO ? p : null } }
    }),
  backward: ({ x, q, k, v, context, p: kept }, dy, w, shape, gradients) =>
    tf.tidy(() => {
      const { add, mul, mulReal, sub, sum } = primitives()
      gradients.add(w.o.offset, linear().gradWeight(dy, fromHeads(context, shape)))
      const dContext = toHeads(linear().gradInput(dy, w.o), shape)
      const p = kept ?? attend(q, k)
      const dV = batchMatMul(p, dContext, true, false)
      // sum(p dP) over keys equals sum(context dContext) over the head's channels, which is smaller.
      const inner = sum(mul(context, dContext))
      const dScores = mul(p, sub(batchMatMul(dContext, v, false, true), inner))
      const scale = Math.sqrt(shape.heads / x.shape[1])
      const turnBack = (t: tf.Tensor3D): tf.Tensor3D => (shape.rope === null ? t : rotateBack(t, shape.rope))
      const dQ = turnBack(mulReal(batchMatMul(dScores, k), scale))
      const dK = turnBack(batchMatMul(dScores, q, true, false))
      const through = (d: tf.Tensor3D, weight: Weight): tf.Tensor2D => {
        const flat = fromHeads(d, shape)
        gradients.add(weight.offset, linear().gradWeight(flat, x))
        return linear().gradInput(flat, weight)
      }
      return add(add(through(dQ, w.q), through(dK, w.k)), through(dV, w.v))
    }),
}

export const attention = (): AttentionKernel => kernelFor('attention', reference)
