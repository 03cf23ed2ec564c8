// Mamba-2's selective state-space scan (SSD, arXiv 2405.21060), one group, a scalar decay per head. With the positive step
// dt_t = softplus(raw_t + dtBias) and A = -exp(aLog), per head of P channels, its state H being (N, P):
//   H_t = exp(dt_t A) H_(t-1) + dt_t b_t x_t^T        y_t = H_t^T c_t + d x_t
// Computed in the paper's chunked form, which is matrix products: inside a chunk of Q positions
//   y_t = sum_(s<=t) exp(l_(s+1) + .. + l_t) (c_t . b_s) dt_s x_s + exp(l_1 + .. + l_t) c_t^T H,     l = dt A,
// where H enters the chunk, a decayed sum of what the chunks before left. Sums of l are differences of its sums from the chunk's
// beginning, as in the paper. x: (B*S, heads*P), b, c: (B*S, N), raw: (B*S, heads); f32. S may differ from call to call.
import * as tf from '@tensorflow/tfjs-core'
import { batchMatMul } from './batch-matmul.js'
import type { Rows } from './causal-conv.js'
import type { Gradients } from './gradients.js'
import type { Table } from './linear.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'
import { scoped } from './scope.js'

/** (heads, 1) each. */
export interface ScanWeights {
  readonly dtBias: Table
  readonly aLog: Table
  readonly d: Table
}

export interface ScanInputs {
  readonly x: tf.Tensor2D
  readonly b: tf.Tensor2D
  readonly c: tf.Tensor2D
  /** The step before its bias and softplus. */
  readonly raw: tf.Tensor2D
}

export interface SelectiveScanKernel {
  /** y: (B*S, heads*P). Backward needs the inputs only, and computes states again. */
  forward(inputs: ScanInputs, weights: ScanWeights, rows: Rows): tf.Tensor2D
  /** The gradients of the inputs; those of the weights are added to `gradients`. */
  backward(inputs: ScanInputs, dy: tf.Tensor2D, weights: ScanWeights, rows: Rows, gradients: Gradients): ScanInputs
}

/** Positions of a chunk, at most. */
const CHUNK = 64

/** K chunks of Q positions, the last ones padded with steps of zero, which change nothing. */
interface Sizes {
  readonly B: number
  readonly S: number
  readonly K: number
  readonly Q: number
  readonly H: number
  readonly P: number
  readonly N: number
}

function sizesOf({ x, b, raw }: ScanInputs, { batch: B, positions: S }: Rows): Sizes {
  const K = Math.ceil(S / CHUNK)
  const H = raw.shape[1]
  return { B, S, K, Q: Math.ceil(S / K), H, P: x.shape[1] / H, N: b.shape[1] }
}

/** (size, size): 1 where row and column fulfil the condition. */
const mask = (size: number, holds: (row: number, column: number) => boolean): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: size * size }, (_, i) => Number(holds(Math.floor(i / size), i % size))),
    [size, size],
  )

const asRow = ({ table }: Table): tf.Tensor2D => primitives().reshape(table, [1, table.shape[0]])

/** (B*S, C) -> (B*K, Q, C), padded with zeros. */
function toChunks(x: tf.Tensor2D, { B, S, K, Q }: Sizes): tf.Tensor3D {
  const C = x.shape[1]
  const samples: tf.Tensor3D = primitives().reshape(x, [B, S, C])
  const behind = K * Q - S
  const whole = behind === 0 ? samples : tf.pad(samples, [[0, 0], [0, behind], [0, 0]]) // prettier-ignore
  return primitives().reshape(whole, [B * K, Q, C])
}

function fromChunks(x: tf.Tensor, { B, S, K, Q }: Sizes, C: number): tf.Tensor2D {
  const samples: tf.Tensor3D = primitives().reshape(x, [B, K * Q, C])
  return primitives().reshape(K * Q === S ? samples : tf.slice(samples, [0, 0, 0], [B, S, C]), [B * S, C])
}

/** (B*K, Q, H*P) <-> (B*K*H, Q, P) */
function toHeads(x: tf.Tensor, { B, K, Q, H }: Sizes): tf.Tensor3D {
  const { reshape, transpose } = primitives()
  const P = x.size / (B * K * Q * H)
  return reshape(transpose(reshape(x, [B * K, Q, H, P]), [0, 2, 1, 3]), [B * K * H, Q, P])
}
function fromHeads(x: tf.Tensor, { B, K, Q, H }: Sizes): tf.Tensor3D {
  const { reshape, transpose } = primitives()
  const P = x.size / (B * K * Q * H)
  return reshape(transpose(reshape(x, [B * K, H, Q, P]), [0, 2, 1, 3]), [B * K, Q, H * P])
}

/** x (B*K, Q, H*P) times a factor of every head, (B*K, Q, H) or (1, 1, H). */
function scaled(x: tf.Tensor3D, factor: tf.Tensor3D, { B, K, Q, H, P }: Sizes): tf.Tensor3D {
  const { mul, reshape } = primitives()
  return reshape(mul(reshape(x, [B * K, Q, H, P]), reshape(factor, [...factor.shape, 1])), [B * K, Q, H * P])
}

/** A number per head, for every position: (1, 1, H). */
const onEvery = ({ table }: Table, { H }: Sizes): tf.Tensor3D => primitives().reshape(table, [1, 1, H])

/** Sum over the channels of every head: (B*K, Q, H*P) -> (B*K, Q, H). */
function overHead(x: tf.Tensor3D, { B, K, Q, H, P }: Sizes): tf.Tensor3D {
  const { reshape, sum } = primitives()
  return reshape(sum(reshape(x, [B * K, Q, H, P])), [B * K, Q, H])
}

/** Sums along rows: [i][t] is x[i][0] + .. + x[i][t]. */
const runningSums = (x: tf.Tensor2D): tf.Tensor2D => primitives().matMul(x, mask(x.shape[1], (s, t) => s <= t), false, false) // prettier-ignore

/**
 * exp of the sums of l (G, n) between any two places: (G, n, n) with [t][s] = exp(l_(s+1) + .. + l_t) where s <= t, else 0.
 * `strict`: exp(l_(s+1) + .. + l_(t-1)) where s < t, else 0.
 */
function decaysOf(l: tf.Tensor2D, strict: boolean): tf.Tensor3D {
  const { mul } = primitives()
  const [G, n] = l.shape
  const sums = runningSums(l)
  const to: tf.Tensor3D = tf.reshape(strict ? tf.sub(sums, l) : sums, [G, n, 1])
  const valid = tf.reshape(mask(n, (t, s) => (strict ? s < t : s <= t)), [1, n, n]) // prettier-ignore
  // Masked before exp too: what lies behind would overflow.
  return mul(tf.exp(mul(tf.sub<tf.Tensor3D>(to, tf.reshape(sums, [G, 1, n])), valid)), valid)
}

/** A decayed sum over chunks, head by head: decays (B*H, K, K), or transposed (`back`), times states (B*K, N, H*P). */
function acrossChunks(decays: tf.Tensor3D, states: tf.Tensor3D, back: boolean, { B, K, H, P, N }: Sizes): tf.Tensor3D {
  const { reshape, transpose } = primitives()
  const byHead: tf.Tensor3D = reshape(transpose(reshape(states, [B, K, N, H, P]), [0, 3, 1, 2, 4]), [B * H, K, N * P])
  const mixed = batchMatMul(decays, byHead, back, false)
  return reshape(transpose(reshape(mixed, [B, H, K, N, P]), [0, 2, 3, 1, 4]), [B * K, N, H * P])
}

/** What forward and backward share. */
function prepared({ x, b, c, raw }: ScanInputs, { dtBias, aLog }: ScanWeights, sizes: Sizes) {
  const { B, K, Q, H } = sizes
  const { add, mul, reshape, transpose } = primitives()
  const A = tf.neg(tf.exp(asRow(aLog)))
  const step = toChunks(tf.softplus(add(raw, asRow(dtBias))), sizes)
  const l: tf.Tensor2D = reshape(toHeads(mul(step, A), sizes), [B * K * H, Q])
  const sums = runningSums(l)
  const whole: tf.Tensor2D = tf.sum(l, 1, true)
  const asSteps = (t: tf.Tensor): tf.Tensor3D => fromHeads(t, sizes)
  /** exp of l from a chunk's beginning up to a position, and from behind it to the chunk's end: (B*K, Q, H). */
  const entering = tf.exp(asSteps(sums))
  const leaving = tf.exp(asSteps(tf.sub(whole, sums)))
  const within = decaysOf(l, false)
  const between = decaysOf(reshape(transpose(reshape(whole, [B, K, H]), [0, 2, 1]), [B * H, K]), true)
  const [bs, cs, xs] = [toChunks(b, sizes), toChunks(c, sizes), toChunks(x, sizes)]
  const u = scaled(xs, step, sizes)
  const left = batchMatMul(bs, scaled(u, leaving, sizes), true, false)
  /** (B*K, N, H*P): what enters each chunk. */
  const states = acrossChunks(between, left, false, sizes)
  const likeness: tf.Tensor3D = batchMatMul(cs, bs, false, true)
  const perHead = (one: tf.Tensor3D): tf.Tensor => reshape(one, [B * K, 1, Q, Q])
  const M: tf.Tensor3D = reshape(mul(reshape(within, [B * K, H, Q, Q]), perHead(likeness)), [B * K * H, Q, Q])
  return { A, step, whole, entering, leaving, within, between, bs, cs, xs, u, states, M }
}

const reference: SelectiveScanKernel = {
  forward: (inputs, weights, rows) =>
    tf.tidy(() => {
      const { add } = primitives()
      const sizes = sizesOf(inputs, rows)
      const { entering, cs, xs, u, states, M } = prepared(inputs, weights, sizes)
      const inside = fromHeads(batchMatMul(M, toHeads(u, sizes)), sizes)
      const before = scaled(batchMatMul(cs, states), entering, sizes)
      const skip = scaled(xs, onEvery(weights.d, sizes), sizes)
      return fromChunks(add(add(inside, before), skip), sizes, inputs.x.shape[1])
    }),
  backward: (inputs, dOut, weights, rows, gradients) =>
    scoped(() => {
      const { add, mul, reshape, sigmoid, sum } = primitives()
      const sizes = sizesOf(inputs, rows)
      const { B, K, Q, H, N } = sizes
      const { A, step, whole, entering, leaving, within, between, bs, cs, xs, u, states, M } = prepared(inputs, weights, sizes) // prettier-ignore
      const dy = toChunks(dOut, sizes)
      const dyHeads = toHeads(dy, sizes)
      /** What the states feel: each chunk's own part, and through the chunks behind. */
      const dyEntering = scaled(dy, entering, sizes)
      const dLeft = acrossChunks(between, batchMatMul(cs, dyEntering, true, false), true, sizes)
      const uLeaving = scaled(u, leaving, sizes)
      const duLeaving = scaled(batchMatMul(bs, dLeft), leaving, sizes)
      const du = add(fromHeads(batchMatMul(M, dyHeads, true, false), sizes), duLeaving)
      const dM = batchMatMul(dyHeads, toHeads(u, sizes), false, true)
      const dLikeness: tf.Tensor3D = tf.sum(reshape(mul(dM, within), [B * K, H, Q, Q]), 1)
      const dc = add(batchMatMul(dLikeness, bs), batchMatMul(dyEntering, states, false, true))
      const db = add(batchMatMul(dLikeness, cs, true, false), batchMatMul(uLeaving, dLeft, false, true))
      // dL/dl_t: every path over position t counts. From s < t to r >= t inside the chunk; from the state that entered to
      // r >= t; from s < t to the state that leaves; and through the whole chunk.
      const later = mask(Q, (s, t) => s >= t)
      const earlier = mask(Q, (s, t) => s < t)
      const paths = tf.cumsum<tf.Tensor3D>(mul(dM, M), 1, false, true)
      const inside: tf.Tensor2D = reshape(
        sum(
          mul(
            paths,
            tf.reshape(
              mask(Q, (t, s) => s < t),
              [1, Q, Q],
            ),
          ),
        ),
        [B * K * H, Q],
      )
      const heads = (t: tf.Tensor3D): tf.Tensor2D => reshape(toHeads(overHead(t, sizes), sizes), [B * K * H, Q])
      const entered = primitives().matMul(heads(mul(dyEntering, batchMatMul(cs, states))), later, false, false)
      const leavers = primitives().matMul(heads(mul(u, duLeaving)), earlier, false, false)
      const through = mul(reshape<tf.Tensor2D>(tf.sum(reshape(mul(dLeft, states), [B * K, N, H, -1]), [1, 3]), [B * K * H, 1]), tf.exp(whole)) // prettier-ignore
      const dl = fromHeads(add(add(add(inside, entered), leavers), through), sizes)
      const dStep = add(mul(dl, A), overHead(mul(du, xs), sizes))
      const over = (t: tf.Tensor3D): tf.Tensor2D => tf.reshape(tf.sum(t, [0, 1]), [H, 1])
      gradients.add(weights.aLog.offset, mul(over(mul(dl, step)), tf.reshape(A, [H, 1])))
      gradients.add(weights.d.offset, over(overHead(mul(dy, xs), sizes)))
      const dRaw = mul(fromChunks(dStep, sizes, H), sigmoid(add(inputs.raw, asRow(weights.dtBias))))
      gradients.add(weights.dtBias.offset, tf.reshape(tf.sum(dRaw, 0), [H, 1]))
      const dx = add(scaled(du, step, sizes), scaled(dy, onEvery(weights.d, sizes), sizes))
      return {
        x: fromChunks(dx, sizes, inputs.x.shape[1]),
        b: fromChunks(db, sizes, N),
        c: fromChunks(dc, sizes, N),
        raw: dRaw,
      }
    }),
}

export const selectiveScan = (): SelectiveScanKernel => kernelFor('selectiveScan', reference)
