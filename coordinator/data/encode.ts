// Encodes examples from references: a few numbers that say which grids, how augmented, and where. Pure; runs in threads.
import { unpackAugmentationInto } from '../../shared/arc/augment.js'
import { DIHEDRALS, walk } from '../../shared/arc/grid.js'
import { encodeInto } from '../../shared/arc/tokens.js'
import { drawShuffle, noShuffle, shuffleInto } from '../../shared/puzzles/sudoku.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'

/** All grids of a data set in shared memory, so that every thread has them at no cost. */
export interface ArcGrids {
  readonly kind: 'arc'
  readonly canvas: number
  /** Cells of all grids, one after the other. */
  readonly cells: Uint8Array
  /** Per grid: where its cells begin, rows, columns. */
  readonly table: Uint32Array
}

/** All boards of a puzzle data set in shared memory. */
export interface Boards {
  readonly kind: 'sudoku' | 'maze'
  /** Of the canvas. */
  readonly side: number
  /** Side of each board, where not all fill the canvas; its cells are the first ones of its place. */
  readonly sides?: Uint8Array
  /** Sudoku: digits; maze: tokens. side * side bytes a board. */
  readonly questions: Uint8Array
  readonly answers: Uint8Array
}

export type Grids = ArcGrids | Boards

/** Numbers per reference: ARC: input grid, output grid, packed augmentation, row, column; boards: board, member, seed, 0, 0. */
export const WORDS = 5
export type Reference = readonly [number, number, number, number, number]

export const sideOf = (grids: Grids): number => (grids.kind === 'arc' ? grids.canvas : grids.side)

/**
 * Encodes references, WORDS numbers each.
 * @returns all inputs, then all labels, side * side bytes each; an ArrayBuffer of its own
 */
export function encodeReferences(grids: Grids, references: Uint32Array): Uint8Array {
  const count = references.length / WORDS
  const size = sideOf(grids) ** 2
  const out = new Uint8Array(2 * count * size)
  for (let i = 0; i < count; i++) {
    const reference = references.subarray(i * WORDS, (i + 1) * WORDS) as unknown as Reference
    if (grids.kind === 'arc') encodeArc(grids, reference, out, i * size, (count + i) * size)
    else encodeBoard(grids, reference, out, i * size, (count + i) * size)
  }
  return out
}

const colours = new Uint8Array(10)

function encodeArc(grids: ArcGrids, reference: Reference, out: Uint8Array, inputAt: number, labelAt: number): void {
  const [input, output, code, row, col] = reference
  const transform = unpackAugmentationInto(code, colours)
  const grid = (index: number): { rows: number; cols: number; cells: Uint8Array } => {
    if (3 * index >= grids.table.length) throw new RangeError(`there is no grid ${index}`)
    const [from, rows, cols] = grids.table.subarray(3 * index, 3 * index + 3) as unknown as [number, number, number]
    return { rows, cols, cells: grids.cells.subarray(from, from + rows * cols) }
  }
  encodeInto(out, inputAt, grids.canvas, grid(input), transform, colours, row, col)
  encodeInto(out, labelAt, grids.canvas, grid(output), transform, colours, row, col)
}

/** The side of a board. */
export const boardSide = ({ side, sides }: Pick<Boards, 'side' | 'sides'>, board: number): number =>
  sides?.[board] ?? side

/** Copies a square of `from` rows out of one of `side`, or the other way round: what both have, from the top left corner. */
export function squareInto(out: Uint8Array, at: number, outSide: number, square: Uint8Array, side: number): void {
  const both = Math.min(outSide, side)
  for (let row = 0; row < both; row++) out.set(square.subarray(row * side, row * side + both), at + row * outSide)
}

/** A board smaller than the canvas lies in its top left corner; the rest is padding, without loss. */
function encodeBoard(boards: Boards, reference: Reference, out: Uint8Array, inputAt: number, labelAt: number): void {
  const { side } = boards
  const own = boardSide(boards, reference[0])
  if (own === side) return encodeSquare(boards, side, reference, out, inputAt, labelAt)
  const both = new Uint8Array(2 * own * own)
  encodeSquare(boards, own, reference, both, 0, own * own)
  squareInto(out, inputAt, side, both.subarray(0, own * own), own)
  squareInto(out, labelAt, side, both.subarray(own * own), own)
}

/** Member 0 is the board itself; of a Sudoku any other is the shuffle of a seed, of a maze one of its eight views. */
function encodeSquare(
  { kind, side: canvas, questions, answers }: Boards,
  side: number,
  [board, member, seed]: Reference,
  out: Uint8Array,
  inputAt: number,
  labelAt: number,
): void {
  const from = board * canvas * canvas
  if (kind === 'sudoku') {
    const shuffle = member === 0 ? noShuffle(side) : drawShuffle(new Mt19937(seed), side)
    shuffleInto(out, inputAt, questions, from, shuffle)
    shuffleInto(out, labelAt, answers, from, shuffle)
    return
  }
  const { base, down, right } = walk(side, side, member % DIHEDRALS)
  for (let i = 0, at = 0; i < side; i++)
    for (let j = 0; j < side; j++, at++) {
      const cell = from + base + i * down + j * right
      out[inputAt + at] = questions[cell] as number
      out[labelAt + at] = answers[cell] as number
    }
}
