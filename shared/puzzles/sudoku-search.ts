// A fast Sudoku solver on bit masks, and the rating it gives: how many dead ends a complete search meets. Singles are followed
// first: a cell that has one candidate left, a digit that has one cell left in a row, column or box. Where they end, the open
// cell with the fewest candidates (of several the first in reading order) is tried with each of them.
import type { Words } from '../rng/draws.js'
import { below } from '../rng/draws.js'
import { boxOf } from './sudoku.js'

/** Which cells share a row, column or box, by side of the board. */
interface Geometry {
  /** Cells of unit u are cells[u * side .. (u + 1) * side - 1]: rows, columns, boxes. */
  readonly units: Uint8Array
  /** Peers of cell c: peers[c * count .. (c + 1) * count - 1]. */
  readonly peers: Uint8Array
  readonly count: number
}

function geometryOf(side: number): Geometry {
  const [height, width] = boxOf(side)
  const cells = side * side
  const unitsOf = Array.from({ length: cells }, (_, cell) => {
    const [row, col] = [Math.floor(cell / side), cell % side]
    return [row, side + col, 2 * side + (side / width) * Math.floor(row / height) + Math.floor(col / width)] as const
  })
  const members = Array.from({ length: 3 * side }, (): number[] => [])
  unitsOf.forEach((units, cell) => units.forEach((unit) => members[unit]?.push(cell)))
  const peers = unitsOf.map((units, cell) => {
    const all = new Set(units.flatMap((unit) => members[unit] ?? []))
    all.delete(cell)
    return [...all]
  })
  return { units: Uint8Array.from(members.flat()), peers: Uint8Array.from(peers.flat()), count: peers[0]?.length ?? 0 }
}

const isSingle = (mask: number): boolean => (mask & (mask - 1)) === 0

function bitCount(mask: number): number {
  let count = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++
  return count
}

export interface Found {
  /** 0, 1, or `most`. */
  readonly solutions: number
  /** Branches that ended without a solution. */
  readonly deadEnds: number
  /** Digits of the first solution; all 0 where there is none. */
  readonly first: Uint8Array
}

/** Reusable: it keeps its memory. Digit d is the bit 1 << (d - 1). */
export class SudokuSearch {
  private readonly geometry: Geometry
  private readonly cells: number
  private readonly all: number
  /** Candidates of every cell, a layer per depth of the search. */
  private readonly candidates: Uint16Array
  /** Cells whose last candidate is to be taken from their peers. */
  private readonly queue: Uint8Array
  private queued = 0
  private deadEnds = 0
  private readonly first: Uint8Array

  /** @throws RangeError for a side that no Sudoku has here */
  constructor(readonly side: number) {
    this.geometry = geometryOf(side)
    this.cells = side * side
    this.all = (1 << side) - 1
    this.candidates = new Uint16Array((this.cells + 1) * this.cells)
    this.queue = new Uint8Array(this.cells + 1)
    this.first = new Uint8Array(this.cells)
  }

  /** Counts solutions up to `most`, and the dead ends met until then. @param givens digits, 0 for empty */
  solve(givens: Uint8Array, most: number): Found {
    this.first.fill(0)
    this.deadEnds = 0
    const solutions = this.load(givens) ? this.search(0, most) : 0
    return { solutions, deadEnds: this.deadEnds, first: this.first.slice() }
  }

  /**
   * Whether cell `cell`, empty in `givens`, may hold nothing but `digit`, given that the board with it has one solution. It is
   * enough to look for a solution with another digit there.
   */
  forces(givens: Uint8Array, cell: number, digit: number): boolean {
    if (!this.load(givens)) return false
    const others = (this.candidates[cell] as number) & ~(1 << (digit - 1))
    if (others === 0) return true
    return !this.restrict(0, cell, others) || this.search(0, 1) === 0
  }

  /** A full board: every branch begins with a random candidate. Where it branches first depends on where cells lie. */
  fill(rng: Words): Uint8Array {
    this.first.fill(0)
    this.load(new Uint8Array(this.cells))
    this.search(0, 1, rng)
    return this.first.slice()
  }

  /** Layer 0 from the givens, singles followed. @returns false where they contradict each other */
  private load(givens: Uint8Array): boolean {
    this.candidates.fill(this.all, 0, this.cells)
    this.queued = 0
    for (let cell = 0; cell < this.cells; cell++) {
      const digit = givens[cell] as number
      if (digit === 0) continue
      const bit = 1 << (digit - 1)
      if (((this.candidates[cell] as number) & bit) === 0) return false
      if (this.candidates[cell] === bit) continue
      this.candidates[cell] = bit
      this.queue[this.queued++] = cell
      if (!this.drain(0)) return false
    }
    return this.settle(0)
  }

  private restrict(layer: number, cell: number, mask: number): boolean {
    const at = layer * this.cells + cell
    this.candidates[at] = mask
    if (isSingle(mask)) this.queue[this.queued++] = cell
    return this.settle(layer)
  }

  /** Takes the digits of queued cells from their peers. @returns false at a contradiction */
  private drain(layer: number): boolean {
    const { peers, count } = this.geometry
    const { candidates, queue } = this
    const base = layer * this.cells
    while (this.queued > 0) {
      const cell = queue[--this.queued] as number
      const bit = candidates[base + cell] as number
      for (let i = cell * count, end = i + count; i < end; i++) {
        const at = base + (peers[i] as number)
        const mask = candidates[at] as number
        if ((mask & bit) === 0) continue
        const left = mask ^ bit
        if (left === 0) {
          this.queued = 0
          return false
        }
        candidates[at] = left
        if (isSingle(left)) queue[this.queued++] = peers[i] as number
      }
    }
    return true
  }

  /** Follows singles until there are none. @returns false at a contradiction */
  private settle(layer: number): boolean {
    const { units } = this.geometry
    const { candidates, queue, side, all } = this
    const base = layer * this.cells
    if (!this.drain(layer)) return false
    for (let changed = true; changed;) {
      changed = false
      for (let unit = 0; unit < units.length; unit += side) {
        let [once, twice, settled] = [0, 0, 0]
        for (let i = unit; i < unit + side; i++) {
          const mask = candidates[base + (units[i] as number)] as number
          twice |= once & mask
          once |= mask
          if (isSingle(mask)) settled |= mask
        }
        if (once !== all) return false
        const hidden = once & ~twice & ~settled
        if (hidden === 0) continue
        for (let i = unit; i < unit + side; i++) {
          const cell = units[i] as number
          const only = (candidates[base + cell] as number) & hidden
          if (only === 0) continue
          if (!isSingle(only)) {
            this.queued = 0
            return false
          }
          candidates[base + cell] = only
          queue[this.queued++] = cell
        }
        if (!this.drain(layer)) return false
        changed = true
      }
    }
    return true
  }

  /** Solutions of a settled layer, up to `most`. */
  private search(layer: number, most: number, rng?: Words): number {
    const { candidates, cells } = this
    const base = layer * cells
    let [branch, fewest] = [-1, this.side + 1]
    for (let cell = 0; cell < cells && fewest > 2; cell++) {
      const mask = candidates[base + cell] as number
      if (isSingle(mask)) continue
      const count = bitCount(mask)
      if (count < fewest) [branch, fewest] = [cell, count]
    }
    if (branch < 0) {
      if (this.first[0] === 0)
        for (let cell = 0; cell < cells; cell++) this.first[cell] = 32 - Math.clz32(candidates[base + cell] as number)
      return 1
    }
    let found = 0
    let rest = candidates[base + branch] as number
    while (rest !== 0 && found < most) {
      let bit = rest & -rest
      if (rng !== undefined) for (let skip = below(rng, bitCount(rest)), from = rest; skip > 0; skip--) bit = (from &= from - 1) & -from // prettier-ignore
      rest ^= bit
      candidates.copyWithin(base + cells, base, base + cells)
      const inside = this.restrict(layer + 1, branch, bit) ? this.search(layer + 1, most - found, rng) : -1
      if (inside === -1) this.deadEnds++
      else found += inside
    }
    return found
  }
}

/**
 * How hard a Sudoku with one solution is: the dead ends of a search through all branches. It does not depend on the order in
 * which digits are tried, nor on what they are called; 0: singles alone solve it. @param givens digits, 0 for empty
 */
export const ratingOf = (search: SudokuSearch, givens: Uint8Array): number => search.solve(givens, 2).deadEnds
