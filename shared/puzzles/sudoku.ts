// Sudoku as tokens, and the shuffles of the official build: digits, bands, rows, stacks, columns, transpose. Source: spec 4.3.
// Tokens: 1 is an empty cell, digit d is d + 1; 0 (PAD) never occurs. Small boards, for quick runs, have the same tokens.
import type { Mt19937 } from '../rng/mt19937.js'

export const SUDOKU_SIDE = 9
export const SUDOKU_VOCAB = 11

/** Rows and columns of a box, by the side of the board. */
const BOXES: Readonly<Record<number, readonly [rows: number, cols: number]>> = { 4: [2, 2], 6: [2, 3], 9: [3, 3] }
export const SUDOKU_SIDES: readonly number[] = Object.keys(BOXES).map(Number)

/** @throws RangeError for a side that no Sudoku has here */
export function boxOf(side: number): readonly [rows: number, cols: number] {
  const box = BOXES[side]
  if (box === undefined) throw new RangeError(`a Sudoku has ${SUDOKU_SIDES.join(', ')} rows, not ${side}`)
  return box
}

/** A shuffle: new[i][j] = digits[ old'[rows[i]][cols[j]] ], old' being the board or its transpose. */
export interface Shuffle {
  /** digits[0] is 0: empty stays empty. */
  readonly digits: readonly number[]
  readonly transpose: boolean
  readonly rows: readonly number[]
  readonly cols: readonly number[]
}

/** What a shuffle is drawn from; the official build draws from NumPy's legacy stream. */
type Chance = Pick<Mt19937, 'permutation' | 'uniform'>

/** Bands in random order, the lines of each in random order. */
const lines = (rng: Chance, bands: number, size: number): number[] =>
  rng.permutation(bands).flatMap((band) => rng.permutation(size).map((line) => size * band + line))

/** Draws as the official build does, in its order. A board whose boxes are not square stays as it lies. */
export function drawShuffle(rng: Chance, side: number): Shuffle {
  const [rows, cols] = boxOf(side)
  const digits = [0, ...rng.permutation(side).map((d) => d + 1)]
  const transpose = rng.uniform() < 0.5 && rows === cols
  return { digits, transpose, rows: lines(rng, side / rows, rows), cols: lines(rng, side / cols, cols) }
}

/** The shuffle that changes nothing. */
export function noShuffle(side: number): Shuffle {
  const same = Array.from({ length: side }, (_, i) => i)
  return { digits: [...same, side], transpose: false, rows: same, cols: same }
}

/** An answer to a shuffled board, in tokens, as one to the board itself; tokens that are none of its digits stay as they are. */
export function unshuffled(tokens: Uint8Array, { digits, transpose, rows, cols }: Shuffle): Uint8Array {
  const side = rows.length
  const out = new Uint8Array(side * side)
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++) {
      const [r, c] = [rows[i] as number, cols[j] as number]
      const token = tokens[i * side + j] as number
      const digit = digits.indexOf(token - 1)
      out[transpose ? c * side + r : r * side + c] = digit < 0 ? token : digit + 1
    }
  return out
}

/** Writes the shuffled board as tokens. @param board digits, 0 for empty, row-major, from `from` on */
export function shuffleInto(
  out: Uint8Array,
  at: number,
  board: Uint8Array,
  from: number,
  { digits, transpose, rows, cols }: Shuffle,
): void {
  const side = rows.length
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++) {
      const [r, c] = [rows[i] as number, cols[j] as number]
      const cell = board[from + (transpose ? c * side + r : r * side + c)] as number
      out[at + i * side + j] = (digits[cell] as number) + 1
    }
}
