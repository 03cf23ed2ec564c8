// Which slots go through the network together: neighbours, as many as a micro-batch holds; where examples are trimmed
// (shared/arc/trim.ts), slots that keep equally many cells. The states of a chunk lie on the device as one tensor each.
import * as tf from '@tensorflow/tfjs-core'
import type { Thought } from '../model/trm.js'
import { gatherRows } from '../ops/gather-rows.js'
import { chunkBounds } from './carry.js'

/** Slots, by their place among the owned ones, and their states (slots * S, D). */
export interface Chunk {
  readonly places: readonly number[]
  readonly thought: Thought
}

/**
 * The chunks of a step, group by group. None reaches over the end of a group, so that those of a group are a function of its
 * slots' examples alone; the shortest come first.
 * @param lengths cells kept of each slot's example
 * @param group neighbours that are computed together, from the first slot on
 * @param most slots of a chunk, at most, by the cells they keep
 */
export function planChunks(lengths: readonly number[], group: number, most: (cells: number) => number): number[][][] {
  return chunkBounds(lengths.length, group).map(({ from, to }) => {
    const members = Array.from({ length: to - from }, (_, i) => from + i)
    const sizes = [...new Set(lengths.slice(from, to))].sort((a, b) => a - b)
    return sizes.flatMap((cells) => {
      const alike = members.filter((place) => lengths[place] === cells)
      return chunkBounds(alike.length, most(cells)).map((bounds) => alike.slice(bounds.from, bounds.to))
    })
  })
}

/**
 * The states of `places` as `chunks` hold them, (places * S, D); those of slots that have halted are of no use to anybody and
 * any will do. Undefined if all have. The caller disposes the result.
 */
export function statesOf(
  places: readonly number[],
  halted: (place: number) => boolean,
  chunks: readonly Chunk[],
): Thought | undefined {
  const going = places.filter((place) => !halted(place))
  if (going.length === 0) return undefined
  const sources = chunks.filter((chunk) => chunk.places.some((place) => going.includes(place)))
  const [first] = sources
  if (first === undefined) throw new Error(`no chunk holds the states of slots ${going.join(', ')}`)
  if (sources.length === 1 && first.places.length === places.length && first.places.every((at, i) => at === places[i]))
    return first.thought.map((state) => tf.clone(state)) as unknown as Thought
  const all = sources.flatMap((chunk) => chunk.places)
  const index = Int32Array.from(places, (place) => (halted(place) ? 0 : all.indexOf(place)))
  return first.thought.map((state, which) =>
    tf.tidy(() => {
      const width = state.size / first.places.length
      const rows = sources.map(({ places: { length }, thought }): tf.Tensor2D => tf.reshape(thought[which] as tf.Tensor2D, [length, width])) // prettier-ignore
      const together = rows.length === 1 ? (rows[0] as tf.Tensor2D) : tf.concat(rows, 0)
      return tf.reshape(gatherRows(together, index), [(index.length * width) / state.shape[1], state.shape[1]])
    }),
  ) as unknown as Thought
}
