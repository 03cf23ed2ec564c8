// Mamba-2 as a sub-layer (arXiv 2405.21060), as the hybrid of arXiv 2602.12078 uses it: projections of the input to a gate z, to
// x, b and c, which go through a short convolution and SiLU, and to the step of every head; the selective scan; the gated norm;
// a projection back. h: (B*S, D), f32.
// `causal`: position t sees positions up to t, as in Mamba-2. `bidirectional`: convolution and scan run over the sequence and
// over its reverse, with the same weights, and the norm gets the mean of both. The hybrid's paper does not say which it used;
// averaging two directions is our choice, and adds no parameter.
import * as tf from '@tensorflow/tfjs-core'
import type { ConvSaved, ConvWeights, Rows } from './causal-conv.js'
import { causalConv } from './causal-conv.js'
import type { GatedNormSaved } from './gated-norm.js'
import { gatedNorm } from './gated-norm.js'
import type { Gradients } from './gradients.js'
import type { Table, Weight } from './linear.js'
import { projection } from './linear.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'
import { scoped } from './scope.js'
import type { ScanInputs } from './selective-scan.js'
import { selectiveScan } from './selective-scan.js'

/** E inner channels (2 D) in H heads, states of N numbers a channel, K taps. */
export interface MambaWeights {
  /** (E, D), (E, D), (N, D), (N, D), (H, D) */
  readonly z: Weight
  readonly x: Weight
  readonly b: Weight
  readonly c: Weight
  readonly dt: Weight
  /** (E, K), (N, K), (N, K) */
  readonly xTaps: Table
  readonly bTaps: Table
  readonly cTaps: Table
  /** (E, 1), (N, 1), (N, 1) */
  readonly xBias: Table
  readonly bBias: Table
  readonly cBias: Table
  /** (H, 1) */
  readonly dtBias: Table
  readonly aLog: Table
  readonly d: Table
  /** (E, 1) */
  readonly gain: Table
  /** (D, E) */
  readonly out: Weight
}

export type Scan = 'causal' | 'bidirectional'

export interface MambaShape extends Rows {
  readonly scan: Scan
  readonly eps: number
}

type Convolved = Readonly<Record<'x' | 'b' | 'c', ConvSaved>>

export interface MambaSaved {
  /** (B*S, D) */
  readonly h: tf.Tensor2D
  /** For every direction, in its order of positions. */
  readonly directions: readonly { readonly convolved: Convolved; readonly scanned: ScanInputs }[]
  readonly norm: GatedNormSaved
  /** (B*S, E): what the last projection gets. */
  readonly normed: tf.Tensor2D
}

export interface MambaKernel {
  /** (B*S, D) -> (B*S, D) */
  forward(h: tf.Tensor2D, weights: MambaWeights, shape: MambaShape): { y: tf.Tensor2D; saved: MambaSaved }
  /** dL/dh; weight gradients are added to `gradients`. */
  backward(
    saved: MambaSaved,
    dy: tf.Tensor2D,
    weights: MambaWeights,
    shape: MambaShape,
    gradients: Gradients,
  ): tf.Tensor2D
}

/** Positions of every sample in reverse. */
function reversed(x: tf.Tensor2D, { batch, positions }: Rows): tf.Tensor2D {
  const columns = x.shape[1]
  return tf.reshape(tf.reverse(tf.reshape(x, [batch, positions, columns]), 1), [batch * positions, columns])
}

const convOf = (w: MambaWeights): Record<'x' | 'b' | 'c', ConvWeights> => ({
  x: { taps: w.xTaps, bias: w.xBias },
  b: { taps: w.bTaps, bias: w.bBias },
  c: { taps: w.cTaps, bias: w.cBias },
})

/** By direction: how its rows come from those of the sequence, and go back. */
const turnsOf = (shape: MambaShape): ((x: tf.Tensor2D) => tf.Tensor2D)[] => [
  (x) => x,
  ...(shape.scan === 'bidirectional' ? [(x: tf.Tensor2D): tf.Tensor2D => reversed(x, shape)] : []),
]

const reference: MambaKernel = {
  forward: (h, w, shape) =>
    scoped(() => {
      const { add, mulReal } = primitives()
      const project = (weight: Weight): tf.Tensor2D => projection().forward(h, weight)
      const projected = { x: project(w.x), b: project(w.b), c: project(w.c), raw: project(w.dt) }
      const conv = convOf(w)
      const passes = turnsOf(shape).map((turn) => {
        const of = (name: 'x' | 'b' | 'c') => causalConv().forward(turn(projected[name]), conv[name], shape)
        const [x, b, c] = [of('x'), of('b'), of('c')]
        const scanned = { x: x.y, b: b.y, c: c.y, raw: turn(projected.raw) }
        const y = turn(selectiveScan().forward(scanned, w, shape))
        return { y, convolved: { x: x.saved, b: b.saved, c: c.saved }, scanned }
      })
      const [first, second] = passes.map(({ y }) => y) as [tf.Tensor2D, tf.Tensor2D?]
      const mean = second === undefined ? first : mulReal(add(first, second), 0.5)
      const { y: normed, saved: norm } = gatedNorm().forward(mean, project(w.z), w.gain, shape.eps)
      const directions = passes.map(({ convolved, scanned }) => ({ convolved, scanned }))
      return { y: projection().forward(normed, w.out), saved: { h, directions, norm, normed } }
    }),
  backward: ({ h, directions, norm, normed }, dy, w, shape, gradients) =>
    tf.tidy(() => {
      const { add, mulReal } = primitives()
      gradients.add(w.out.offset, projection().gradWeight(dy, normed))
      const { dv, dz } = gatedNorm().backward(norm, projection().gradInput(dy, w.out), w.gain, gradients)
      const turns = turnsOf(shape)
      const share = turns.length === 1 ? dv : mulReal(dv, 1 / turns.length)
      const conv = convOf(w)
      const parts = directions.map(({ convolved, scanned }, i) => {
        const turn = turns[i]
        if (turn === undefined) throw new Error('what a bidirectional scan kept cannot go back through a causal one')
        const d = selectiveScan().backward(scanned, turn(share), w, shape, gradients)
        const through = (name: 'x' | 'b' | 'c'): tf.Tensor2D =>
          turn(causalConv().backward(convolved[name], d[name], conv[name], shape, gradients))
        return [through('x'), through('b'), through('c'), turn(d.raw)]
      })
      const weights = [w.x, w.b, w.c, w.dt]
      const together = weights.map((weight, i): [Weight, tf.Tensor2D] => {
        const all = parts.map((part) => part[i] as tf.Tensor2D)
        return [weight, all.reduce((sum, one) => add(sum, one))]
      })
      return [[w.z, dz] as const, ...together]
        .map(([weight, d]) => {
          gradients.add(weight.offset, projection().gradWeight(d, h))
          return projection().gradInput(d, weight)
        })
        .reduce((sum, one) => add(sum, one))
    }),
}

export const mamba = (): MambaKernel => kernelFor('mamba', reference)
