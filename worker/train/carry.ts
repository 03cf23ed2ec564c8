// The carry of the owned slots (spec 1.8): per slot the ACT state and its example, and the states of the recursion on the
// device, in chunks (chunks.ts).
import * as tf from '@tensorflow/tfjs-core'
import type { Draw, SlotId } from '../../shared/ids.js'
import type { Thought } from '../model/trm.js'
import { gatherRows } from '../ops/gather-rows.js'
import type { ActState } from './act.js'

/** One training example as it comes over the wire. */
export interface Example {
  readonly draw: Draw
  /** Row of the puzzle table. */
  readonly puzzle: number
  /** (S0) tokens. */
  readonly inputs: Uint8Array
  /** (S0) tokens; 0 (PAD) carries no loss. */
  readonly labels: Uint8Array
}

/**
 * The carry of one slot, as a snapshot holds it. zH (S * D): the answer; zL: all latent states, (S * D) each; f32. Always of
 * the whole canvas: cells that a trimmed example does not keep are zero.
 */
export interface CarryState extends ActState {
  readonly slot: SlotId
  readonly example: Example | null
  readonly zH: Float32Array
  readonly zL: Float32Array
}

/** A slot without its states on the device. */
export interface Lane extends ActState {
  readonly slot: SlotId
  readonly example: Example | null
  /** Cells kept of the example; null: the whole canvas. */
  readonly kept: Int32Array | null
}

/** Tokens of the kept cells alone. */
export const pickTokens = (tokens: Uint8Array, kept: Int32Array | null): Uint8Array =>
  kept === null ? tokens : Uint8Array.from(kept, (cell) => tokens[cell] as number)

/** Cuts `count` slots into chunks of at most `size`. */
export function chunkBounds(count: number, size: number): { from: number; to: number }[] {
  const step = Math.max(1, Math.min(size, count))
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => ({
    from: i * step,
    to: Math.min(count, (i + 1) * step),
  }))
}

/** The states a fresh slot starts from, one row (1, S * D) each, in the order of a thought. */
export type FreshRows = readonly tf.Tensor2D[]

/** hInit: (D), of the answer; lInit: (D) of each latent state. */
export interface InitialStates {
  readonly hInit: Float32Array
  readonly lInit: Float32Array
}

export function freshRows({ hInit, lInit }: InitialStates, positions: number): FreshRows {
  const row = (state: Float32Array): tf.Tensor2D => {
    const all = new Float32Array(positions * state.length)
    for (let s = 0; s < positions; s++) all.set(state, s * state.length)
    return tf.tensor2d(all, [1, all.length])
  }
  const hidden = hInit.length
  const latents = Array.from({ length: lInit.length / hidden }, (_, i) => lInit.subarray(i * hidden, (i + 1) * hidden))
  return [hInit, ...latents].map(row)
}

/** Fresh rows of the first `width` numbers: of fewer positions. */
export const shortened = (fresh: FreshRows, width: number): FreshRows =>
  fresh.map((row) => (row.shape[1] === width ? tf.clone(row) : tf.slice(row, [0, 0], [1, width])))

/**
 * The states a step starts from, (rows * S, D): those of `before`, but fresh where `reset`. Rows are picked whole, so that
 * whatever a halted slot left behind (even NaN) cannot reach its next example. S may be less than that of `fresh`. The caller disposes the result.
 */
export function startOf(
  reset: readonly boolean[],
  fresh: FreshRows,
  [positions, hidden]: readonly [S: number, D: number],
  before?: Thought,
): Thought {
  if (before !== undefined && !reset.includes(true)) return before.map((state) => tf.clone(state)) as unknown as Thought
  const rows = reset.length
  const index = Int32Array.from(reset, (isReset, i) => (isReset ? 0 : i + 1))
  const pick = (freshRow: tf.Tensor2D, state?: tf.Tensor2D): tf.Tensor2D =>
    tf.tidy(() => {
      const width = positions * hidden
      const [first] = shortened([freshRow], width) as [tf.Tensor2D]
      const kept: tf.Tensor2D | undefined = state && tf.reshape(state, [rows, width])
      const source: tf.Tensor2D = kept === undefined ? first : tf.concat([first, kept], 0)
      return tf.reshape(gatherRows(source, index), [rows * positions, hidden])
    })
  return fresh.map((row, i) => pick(row, before?.[i])) as unknown as Thought
}
