// The native engine for tests: which sets are built here, and random problems for its kernels.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { rngFor } from '../../shared/rng/counter.js'
import { ISAS, type Isa } from '../../worker/backends/native/isa.js'
import { findLibrary } from '../../worker/backends/native/library.js'
import type { Weight } from '../../worker/ops/linear.js'
import type { NetworkShape, SubLayerWeights } from '../../worker/ops/network.js'
import { ropeTables, ropeTablesAt, type RopeTables } from '../../worker/ops/rope.js'

/** Every set that this machine can run and that is built. */
export function setsBuilt(root: string): Isa[] {
  return ISAS.filter((isa) => {
    try {
      findLibrary(root, isa.name)
      return true
    } catch {
      return false
    }
  })
}

export interface Problem {
  readonly batch: number
  readonly positions: number
  readonly hidden: number
  readonly heads: number
  readonly mixer: ModelConfig['mixer']
  /** `own`: every sample stands at positions of its own. */
  readonly rope: boolean | 'own'
  readonly inner: number
  readonly mixerInner: number
  readonly layers: number
  /** SwiGLU has a norm inside. */
  readonly normed?: boolean
}

export const titleOf = ({
  batch,
  positions,
  hidden,
  heads,
  mixer,
  rope,
  inner,
  layers,
  normed = false,
}: Problem): string =>
  `${mixer} ${batch} x ${positions} x ${hidden}, ${heads} heads${rope === false ? '' : ` with rope ${rope}`}, inner ${inner}${normed ? ', normed' : ''}, ${layers} layers`

/** The same numbers for the same problem, on any backend. */
export interface Inputs {
  readonly h: Float32Array
  readonly injection: Float32Array
  readonly dy: Float32Array
  /** (offset, rows, columns, values) of every weight, by layer. */
  readonly weights: readonly (readonly Piece[])[]
}
export interface Piece {
  readonly offset: number
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array
}

export function inputsOf(problem: Problem): Inputs {
  const { batch, positions, hidden, mixer, inner, mixerInner, layers } = problem
  const rng = rngFor(7, 'native kernels', batch * 1000 + positions, hidden)
  const draw = (size: number, amplitude: number): Float32Array =>
    Float32Array.from({ length: size }, () => amplitude * (2 * rng.uniform() - 1))
  let offset = 0
  const piece = (rows: number, columns: number): Piece => {
    const made = { offset, rows, columns, values: draw(rows * columns, 1.7 / Math.sqrt(columns)) }
    offset += rows * columns
    return made
  }
  const mixing = (): Piece[] =>
    mixer === 'attention'
      ? [1, 2, 3, 4].map(() => piece(hidden, hidden))
      : [piece(mixerInner, positions), piece(mixerInner, positions), piece(positions, mixerInner)]
  const size = batch * positions * hidden
  return {
    h: draw(size, 1),
    injection: draw(size, 1),
    dy: draw(size, 1),
    weights: Array.from({ length: layers }, () => [
      ...mixing(),
      piece(inner, hidden),
      piece(inner, hidden),
      piece(hidden, inner),
    ]),
  }
}

/** Tensors of the current backend. `weight` makes a weight the way that backend wants it. */
export function setUp(
  problem: Problem,
  inputs: Inputs,
  weight: (offset: number, w: tf.Tensor2D) => Weight,
): { h: tf.Tensor2D; injection: tf.Tensor2D; dy: tf.Tensor2D; stack: SubLayerWeights[]; shape: NetworkShape } {
  const { batch, positions, hidden, heads, mixer, rope } = problem
  const matrix = (values: Float32Array): tf.Tensor2D => tf.tensor2d(values.slice(), [batch * positions, hidden])
  const stack = inputs.weights.flatMap((pieces): SubLayerWeights[] => {
    const made = pieces.map(({ offset, rows, columns, values }) => weight(offset, tf.tensor2d(values.slice(), [rows, columns]))) // prettier-ignore
    const [gate, up, down] = made.slice(-3) as [Weight, Weight, Weight]
    const feedForward = { kind: 'swiglu', weights: { gate, up, down } } as const
    if (mixer === 'attention') {
      const [q, k, v, o] = made as [Weight, Weight, Weight, Weight]
      return [{ kind: 'attention', weights: { q, k, v, o } }, feedForward]
    }
    const [mixerGate, mixerUp, mixerDown] = made as [Weight, Weight, Weight]
    return [{ kind: 'mlp', weights: { gate: mixerGate, up: mixerUp, down: mixerDown } }, feedForward]
  })
  const size = hidden / heads
  const somewhere = (i: number): number => (7 * Math.floor(i / positions) + 3 * (i % positions)) % (2 * positions)
  const own = (): RopeTables =>
    ropeTablesAt(
      ropeTables(2 * positions, size, 10_000),
      Int32Array.from({ length: batch * positions }, (_, i) => somewhere(i)),
      batch,
    )
  const tables = rope === 'own' ? own() : rope ? ropeTables(positions, size, 10_000) : null
  const shape = {
    batch,
    positions,
    heads,
    rope: tables,
    eps: 1e-5,
    scan: 'causal' as const,
    normed: problem.normed === true,
  }
  return { h: matrix(inputs.h), injection: matrix(inputs.injection), dy: matrix(inputs.dy), stack, shape }
}

export interface Outputs {
  readonly y: Float32Array
  readonly ySaving: Float32Array
  readonly dh: Float32Array
  /** By offset. */
  readonly gradients: Float32Array
}
