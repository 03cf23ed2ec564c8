// The carry of the owned slots (spec 1.8): per slot the ACT state and its example, and the states of the recursion on the
// device, in chunks of one micro-batch each.
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

/** The carry of one slot, as a snapshot holds it. zH (S * D): the answer; zL: all latent states, (S * D) each; f32. */
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
}

/** Slots [from, to) of the owned ones, and their states (rows * S, D). */
export interface Chunk {
  readonly from: number
  readonly to: number
  readonly thought: Thought
}

/** Cuts `count` slots into chunks of at most `size`. */
export function chunkBounds(count: number, size: number): { from: number; to: number }[] {
  const step = Math.max(1, Math.min(size, count))
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => ({
    from: i * step,
    to: Math.min(count, (i + 1) * step),
  }))
}

/** The same within every `group` neighbours. */
export function groupedBounds(count: number, group: number, size: number): { from: number; to: number }[] {
  return chunkBounds(count, group).flatMap(({ from, to }) =>
    chunkBounds(to - from, size).map((chunk) => ({ from: from + chunk.from, to: from + chunk.to })),
  )
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

/**
 * The states a step starts from, (rows * S, D): those of `before`, but fresh where `reset`. Rows are picked whole, so that
 * whatever a halted slot left behind (even NaN) cannot reach its next example. The caller disposes the result.
 */
export function startOf(reset: readonly boolean[], fresh: FreshRows, hidden: number, before?: Thought): Thought {
  if (before !== undefined && !reset.includes(true)) return before.map((state) => tf.clone(state)) as unknown as Thought
  const rows = reset.length
  const index = Int32Array.from(reset, (isReset, i) => (isReset ? 0 : i + 1))
  const pick = (freshRow: tf.Tensor2D, state?: tf.Tensor2D): tf.Tensor2D =>
    tf.tidy(() => {
      const width = freshRow.shape[1]
      const kept: tf.Tensor2D | undefined = state && tf.reshape(state, [rows, width])
      const source: tf.Tensor2D = kept === undefined ? freshRow : tf.concat([freshRow, kept], 0)
      return tf.reshape(gatherRows(source, index), [(rows * width) / hidden, hidden])
    })
  return fresh.map((row, i) => pick(row, before?.[i])) as unknown as Thought
}
