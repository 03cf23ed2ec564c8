// Sudoku as tokens, and the shuffles of the official build: digits, bands, rows, stacks, columns, transpose. Source: spec 4.3.
// Tokens: 1 is an empty cell, digit d is d + 1; 0 (PAD) never occurs.
import type { Mt19937 } from '../rng/mt19937.js'

export const SUDOKU_SIDE = 9
export const SUDOKU_CELLS = 81
export const SUDOKU_VOCAB = 11

/** A shuffle: new[i][j] = digits[ old'[rows[i]][cols[j]] ], old' being the board or its transpose. */
export interface Shuffle {
  /** digits[0] is 0: empty stays empty. */
  readonly digits: readonly number[]
  readonly transpose: boolean
  readonly rows: readonly number[]
  readonly cols: readonly number[]
}

/** Three bands in random order, the rows of each in random order. */
const lines = (rng: Mt19937): number[] =>
  rng.permutation(3).flatMap((band) => rng.permutation(3).map((r) => 3 * band + r))

/** Draws as the official build does, in its order. */
export function drawShuffle(rng: Mt19937): Shuffle {
  const digits = [0, ...rng.permutation(9).map((d) => d + 1)]
  const transpose = rng.uniform() < 0.5
  return { digits, transpose, rows: lines(rng), cols: lines(rng) }
}

/** Writes the shuffled board as tokens. @param board 81 digits, 0 for empty, row-major, from `from` on */
export function shuffleInto(
  out: Uint8Array,
  at: number,
  board: Uint8Array,
  from: number,
  { digits, transpose, rows, cols }: Shuffle,
): void {
  for (let i = 0; i < SUDOKU_SIDE; i++)
    for (let j = 0; j < SUDOKU_SIDE; j++) {
      const [r, c] = [rows[i] as number, cols[j] as number]
      const cell = board[from + (transpose ? c * SUDOKU_SIDE + r : r * SUDOKU_SIDE + c)] as number
      out[at + i * SUDOKU_SIDE + j] = (digits[cell] as number) + 1
    }
}
