// Sudokus without data: a random full board, cells taken away as long as the solution stays the only one.
import { range, shuffled, type Words } from '../rng/draws.js'
import { SUDOKU_CELLS, SUDOKU_SIDE } from './sudoku.js'

const ALL = 0b1111111110

const boxOf = (cell: number): number => 3 * Math.floor(cell / 27) + Math.floor((cell % 9) / 3)

/** What is taken in rows, columns and boxes, a bit per digit. */
interface Taken {
  readonly rows: number[]
  readonly cols: number[]
  readonly boxes: number[]
}

const nine = (): number[] => new Array<number>(SUDOKU_SIDE).fill(0)

function mark({ rows, cols, boxes }: Taken, cell: number, bit: number): void {
  for (const [list, i] of [
    [rows, Math.floor(cell / 9)],
    [cols, cell % 9],
    [boxes, boxOf(cell)],
  ] as const)
    // prettier-ignore
    list[i] = (list[i] as number) ^ bit
}

const freeDigits = ({ rows, cols, boxes }: Taken, cell: number): number =>
  ALL & ~((rows[Math.floor(cell / 9)] as number) | (cols[cell % 9] as number) | (boxes[boxOf(cell)] as number))

function takenBy(board: Uint8Array): Taken {
  const taken = { rows: nine(), cols: nine(), boxes: nine() }
  board.forEach((digit, cell) => {
    if (digit !== 0) mark(taken, cell, 1 << digit)
  })
  return taken
}

const bitCount = (bits: number): number => {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}

/**
 * Counts solutions of a board, up to `most`; the board is left as the first solution found if `most` is 1.
 * @param order in which digits are tried
 */
function solve(board: Uint8Array, taken: Taken, most: number, order: readonly number[]): number {
  let cell = -1
  let fewest = 10
  for (let i = 0; i < SUDOKU_CELLS && fewest > 1; i++) {
    if (board[i] !== 0) continue
    const options = bitCount(freeDigits(taken, i))
    if (options < fewest) {
      fewest = options
      cell = i
    }
  }
  if (cell < 0) return 1
  const free = freeDigits(taken, cell)
  let found = 0
  for (const digit of order) {
    if ((free & (1 << digit)) === 0) continue
    board[cell] = digit
    mark(taken, cell, 1 << digit)
    found += solve(board, taken, most - found, order)
    if (found >= most && most === 1) return found
    mark(taken, cell, 1 << digit)
    board[cell] = 0
    if (found >= most) return found
  }
  return found
}

const DIGITS = range(9).map((d) => d + 1)

/** Solutions of a board, 2 meaning two or more. @param board 81 digits, 0 for empty */
export const countSolutions = (board: Uint8Array): number => {
  const copy = board.slice()
  return solve(copy, takenBy(copy), 2, DIGITS)
}

/** A Sudoku with exactly one solution. @param empty cells taken away at most */
export function generateSudoku(rng: Words, empty: number): { question: Uint8Array; answer: Uint8Array } {
  const answer = new Uint8Array(SUDOKU_CELLS)
  // A random first row makes every board possible; the rest is filled by trying digits in random order.
  answer.set(shuffled(rng, DIGITS))
  solve(answer, takenBy(answer), 1, shuffled(rng, DIGITS))
  const question = answer.slice()
  let left = empty
  for (const cell of shuffled(rng, range(SUDOKU_CELLS))) {
    if (left === 0) break
    question[cell] = 0
    if (countSolutions(question) === 1) left--
    else question[cell] = answer[cell] as number
  }
  return { question, answer }
}
