// Which example a slot takes: the `slots` sampler, a pure function of (seed, slot, draw). Every group of puzzles (one task with its
// augmentations) comes up equally often; within it the puzzle, the pair and the place on the canvas are drawn anew each time.
import { below, permuted } from '../../shared/rng/draws.js'
import { rngFor } from '../../shared/rng/counter.js'

/** A group of puzzles as a sampler sees it. */
export interface Lot {
  /** First puzzle, and one past the last. */
  readonly from: number
  readonly to: number
  /** Training examples of each of its puzzles. */
  readonly examples: number
}

/** An example as a sampler names it. */
export interface Choice {
  readonly lot: number
  readonly puzzle: number
  /** 0 .. examples-1 */
  readonly example: number
  /** Where the grids lie on the canvas: at (0, 0), where the official build put them, or as two random words decide. */
  readonly place: 'corner' | 'built' | readonly [row: number, col: number]
}

/** Names the permutation of one epoch. */
function keyOf(seed: number, epoch: number): number[] {
  const rng = rngFor(seed, 'lots', epoch)
  return [rng.u32(), rng.u32(), rng.u32(), rng.u32()]
}

/**
 * The k-th example of a slot's stream. Slots walk together through permutations of the lots: draw d of slot s is place
 * d * slots + s of an endless sequence in which every lot comes once per permutation.
 */
export function slotChoice(lots: readonly Lot[], seed: number, slots: number, slot: number, draw: number): Choice {
  const turn = draw * slots + slot
  const epoch = Math.floor(turn / lots.length)
  const index = permuted(turn % lots.length, lots.length, keyOf(seed, epoch))
  const lot = lots[index] as Lot
  const rng = rngFor(seed, 'example', slot, draw)
  const puzzle = lot.from + below(rng, lot.to - lot.from)
  const example = below(rng, lot.examples)
  // As in the official build, one example per puzzle's worth stays in the corner (spec 4.2).
  const corner = below(rng, lot.examples) === 0
  return { lot: index, puzzle, example, place: corner ? 'corner' : [rng.u32(), rng.u32()] }
}
