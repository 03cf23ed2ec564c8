// The weights of a language model on the device: random, because throughput and memory need no trained ones. A projection
// is a matrix, with a low-rank adapter beside it when only adapters are trained (LoRA): y = x W^T + s (x A^T) B^T, B zero at first.
import * as tf from '@tensorflow/tfjs-core'
import { LORA, type LanguageShape, type Tuning } from '../../shared/language/shape.js'
import { rngFor } from '../../shared/rng/counter.js'
import { disposeWeight, linear, type Weight } from '../ops/linear.js'

/** A trained or frozen tensor; the optimizer puts new values in its place. */
export interface Parameter {
  /** The name of its gradient. */
  readonly id: number
  readonly trained: boolean
  /** (out, in); of a gain (1, width). */
  value: tf.Tensor2D
  /** As the backend multiplies it; null of a gain. */
  matrix: Weight | null
}

export interface Projection {
  readonly base: Parameter
  /** (rank, in) and (out, rank). */
  readonly adapter: { readonly down: Parameter; readonly up: Parameter } | null
}

export interface BlockWeights {
  readonly attentionGain: Parameter
  readonly q: Projection
  readonly k: Projection
  readonly v: Projection
  readonly o: Projection
  readonly mlpGain: Parameter
  readonly gate: Projection
  readonly up: Projection
  readonly down: Projection
}

export interface LanguageWeights {
  /** (vocab, width): the embedding, and the output matrix too. */
  readonly table: Parameter
  readonly blocks: readonly BlockWeights[]
  readonly finalGain: Parameter
  readonly all: readonly Parameter[]
}

/** The matrix of a parameter that has one. */
export function matrixOf({ id, matrix }: Parameter): Weight {
  if (matrix === null) throw new Error(`parameter ${id} is a gain, no matrix`)
  return matrix
}

/** New values for a parameter; consumes `value`. */
export function replaceValue(parameter: Parameter, value: tf.Tensor2D): void {
  const { matrix } = parameter
  if (matrix === null) parameter.value.dispose()
  else disposeWeight(matrix)
  parameter.matrix = matrix === null ? null : linear().weight(parameter.id, tf.keep(value))
  parameter.value = parameter.matrix?.w ?? tf.keep(value)
  if (parameter.matrix?.wT) tf.keep(parameter.matrix.wT)
}

export function disposeWeights({ all }: LanguageWeights): void {
  for (const { matrix, value } of all) {
    if (matrix === null) value.dispose()
    else disposeWeight(matrix)
  }
}

/** Standard normal numbers, enough of them that no layer repeats another's; drawing each of a billion takes minutes. */
const POOL = 1 << 16

function normalPool(seed: number): Float32Array {
  const rng = rngFor(seed, 'language-weights')
  const pool = new Float32Array(POOL)
  for (let i = 0; i < POOL; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - rng.uniform()))
    const angle = 2 * Math.PI * rng.uniform()
    pool[i] = radius * Math.cos(angle)
    pool[i + 1] = radius * Math.sin(angle)
  }
  return pool
}

export function randomWeights(shape: LanguageShape, tuning: Tuning, seed: number): LanguageWeights {
  const { width, inner, vocab, layers } = shape
  const pool = normalPool(seed)
  const where = rngFor(seed, 'language-offsets')
  const all: Parameter[] = []
  const kept = (value: tf.Tensor2D, trained: boolean, isMatrix: boolean): Parameter => {
    const id = all.length
    const matrix = isMatrix ? linear().weight(id, tf.keep(value)) : null
    if (matrix?.wT) tf.keep(matrix.wT)
    const parameter: Parameter = { id, trained, value: matrix?.w ?? tf.keep(value), matrix }
    all.push(parameter)
    return parameter
  }
  const random = (rows: number, columns: number, std: number): tf.Tensor2D => {
    const values = new Float32Array(rows * columns)
    const scaled = pool.map((x) => x * std)
    for (let at = 0; at < values.length;) {
      const from = where.u32() % POOL
      const piece = scaled.subarray(from, from + Math.min(POOL - from, values.length - at))
      values.set(piece, at)
      at += piece.length
    }
    return tf.tensor2d(values, [rows, columns])
  }
  const gain = (): Parameter => kept(tf.ones([1, width]), tuning === 'full', false)
  const projection = (out: number, into: number): Projection => {
    const base = kept(random(out, into, 1 / Math.sqrt(into)), tuning === 'full', true)
    if (tuning === 'full') return { base, adapter: null }
    const down = kept(random(LORA.rank, into, 1 / Math.sqrt(into)), true, true)
    const up = kept(tf.zeros([out, LORA.rank]), true, true)
    return { base, adapter: { down, up } }
  }
  const table = kept(random(vocab, width, 1 / Math.sqrt(width)), tuning === 'full', true)
  const blocks = Array.from({ length: layers }, (): BlockWeights => ({
    attentionGain: gain(),
    q: projection(width, width),
    k: projection(width, width),
    v: projection(width, width),
    o: projection(width, width),
    mlpGain: gain(),
    gate: projection(inner, width),
    up: projection(inner, width),
    down: projection(width, inner),
  }))
  return { table, blocks, finalGain: gain(), all }
}
