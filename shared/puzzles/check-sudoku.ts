// Is a Sudoku solved? Every row, column and box has all digits, and the givens stand where they stood.
import { boxOf } from './sudoku.js'

/** Token of an empty cell; digit d is d + 1. */
const EMPTY = 1

/** @param question,prediction side * side tokens */
export function isSolvedSudoku(question: ArrayLike<number>, prediction: ArrayLike<number>, side: number): boolean {
  const [height, width] = boxOf(side)
  /** Bits of the digits 1 to side. */
  const all = (4 << side) - 4
  const seen = new Uint16Array(3 * side)
  for (let cell = 0; cell < side * side; cell++) {
    const [asked, token] = [question[cell], prediction[cell] as number]
    if (asked !== EMPTY && asked !== token) return false
    const [row, col] = [Math.floor(cell / side), cell % side]
    const box = (side / width) * Math.floor(row / height) + Math.floor(col / width)
    for (const unit of [row, side + col, 2 * side + box]) seen[unit] = (seen[unit] as number) | (1 << token)
  }
  return seen.every((bits) => bits === all)
}
