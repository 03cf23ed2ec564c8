// Causal self-attention, in blocks of queries that see only the keys up to their own end: a block's scores are all that is
// ever there of the square, and what lies beyond is not computed. x: (T, D), f32.
import * as tf from '@tensorflow/tfjs-core'
import { batchMatMul } from '../ops/batch-matmul.js'
import { primitives } from '../ops/primitives.js'
import { rotate, rotateBack, type RopeTables } from '../ops/rope.js'
import { project, projectBackward, type ParameterGradients } from './projection.js'
import type { BlockWeights } from './weights.js'

const QUERIES = 512
/** Added where a query may not look; e to it is 0 in f32. */
const HIDDEN = -1e9

export interface AttentionSaved {
  /** After RoPE, q also scaled by 1/sqrt(hd); (heads, T, hd). */
  readonly q: tf.Tensor3D
  readonly k: tf.Tensor3D
  readonly v: tf.Tensor3D
  /** Before the last projection, (T, D). */
  readonly context: tf.Tensor2D
}

export const toHeads = (x: tf.Tensor2D, heads: number): tf.Tensor3D => {
  const { reshape, transpose } = primitives()
  const [tokens, width] = x.shape
  return transpose(reshape<tf.Tensor3D>(x, [tokens, heads, width / heads]), [1, 0, 2])
}

export const fromHeads = (x: tf.Tensor3D): tf.Tensor2D => {
  const { reshape, transpose } = primitives()
  const [heads, tokens, size] = x.shape
  return reshape(transpose(x, [1, 0, 2]), [tokens, heads * size])
}

/** Rows [from, to) of every head. */
const rows = (x: tf.Tensor3D, from: number, to: number): tf.Tensor3D =>
  from === 0 && to === x.shape[1] ? tf.clone(x) : tf.slice(x, [0, from, 0], [x.shape[0], to - from, x.shape[2]])

/** (1, to - from, to): row i may look at keys up to from + i. */
function causalMask(from: number, to: number): tf.Tensor3D {
  const mask = new Float32Array((to - from) * to)
  for (let i = from; i < to; i++) mask.fill(HIDDEN, (i - from) * to + i + 1, (i - from + 1) * to)
  return tf.tensor3d(mask, [1, to - from, to])
}

const weightsOf = (q: tf.Tensor3D, k: tf.Tensor3D, from: number, to: number): tf.Tensor3D => {
  const { add, softmax } = primitives()
  return softmax(add(batchMatMul(q, k, false, true), causalMask(from, to)))
}

function* blocks(tokens: number): Generator<[from: number, to: number]> {
  for (let from = 0; from < tokens; from += QUERIES) yield [from, Math.min(tokens, from + QUERIES)]
}

/** q, k and v of every position; `rope` begins at the first of them. */
export function headsOf(
  x: tf.Tensor2D,
  weights: BlockWeights,
  heads: number,
  rope: RopeTables,
): Pick<AttentionSaved, 'q' | 'k' | 'v'> {
  const scale = Math.sqrt(heads / x.shape[1])
  return {
    q: primitives().mulReal(rotate(toHeads(project(x, weights.q), heads), rope), scale),
    k: rotate(toHeads(project(x, weights.k), heads), rope),
    v: toHeads(project(x, weights.v), heads),
  }
}

/** Inside a tidy of the caller's. */
export function attend(
  x: tf.Tensor2D,
  weights: BlockWeights,
  heads: number,
  rope: RopeTables,
): { y: tf.Tensor2D; saved: AttentionSaved } {
  const { q, k, v } = headsOf(x, weights, heads, rope)
  const contexts = [...blocks(x.shape[0])].map(([from, to]) =>
    tf.tidy(() => batchMatMul(weightsOf(rows(q, from, to), rows(k, 0, to), from, to), rows(v, 0, to))),
  )
  const context = fromHeads(contexts.length === 1 ? (contexts[0] as tf.Tensor3D) : tf.concat(contexts, 1))
  return { y: project(context, weights.o), saved: { q, k, v, context } }
}

/** dL/dx of the same x; inside a tidy of the caller's. */
export function attendBackward(
  x: tf.Tensor2D,
  { q, k, v, context }: AttentionSaved,
  dy: tf.Tensor2D,
  weights: BlockWeights,
  heads: number,
  rope: RopeTables,
  gradients: ParameterGradients,
): tf.Tensor2D {
  const { add, mul, mulReal, sub, sum } = primitives()
  const tokens = x.shape[0]
  const dContext = toHeads(projectBackward(context, dy, weights.o, gradients), heads)
  const seen = toHeads(context, heads)
  let dK: tf.Tensor3D | undefined
  let dV: tf.Tensor3D | undefined
  const dQ: tf.Tensor3D[] = []
  const total = (before: tf.Tensor3D | undefined, part: tf.Tensor3D): tf.Tensor3D => {
    const missing = tokens - part.shape[1]
    const whole = missing === 0 ? part : tf.pad3d(part, [[0, 0], [0, missing], [0, 0]]) // prettier-ignore
    return before === undefined ? whole : add(before, whole)
  }
  for (const [from, to] of blocks(tokens)) {
    const done = tf.tidy(() => {
      const [qHere, kHere, vHere] = [rows(q, from, to), rows(k, 0, to), rows(v, 0, to)]
      const dHere = rows(dContext, from, to)
      const p = weightsOf(qHere, kHere, from, to)
      // sum(p dP) over keys equals sum(context dContext) over the head's channels, which is smaller.
      const inner = sum(mul(rows(seen, from, to), dHere))
      const dScores = mul(p, sub(batchMatMul(dHere, vHere, false, true), inner))
      return {
        q: batchMatMul(dScores, kHere),
        k: total(dK, batchMatMul(dScores, qHere, true, false)),
        v: total(dV, batchMatMul(p, dHere, true, false)),
      }
    })
    dK?.dispose()
    dV?.dispose()
    dQ.push(done.q)
    dK = done.k
    dV = done.v
  }
  if (dK === undefined || dV === undefined) throw new RangeError('a sequence has no tokens')
  const scale = Math.sqrt(heads / x.shape[1])
  const dq = fromHeads(rotateBack(mulReal(tf.concat(dQ, 1), scale), rope))
  const dk = fromHeads(rotateBack(dK, rope))
  const through = add(projectBackward(x, dq, weights.q, gradients), projectBackward(x, dk, weights.k, gradients))
  return add(through, projectBackward(x, fromHeads(dV), weights.v, gradients))
}
