// Is a Sudoku solved? Every row, column and box has all nine digits, and the givens stand where they stood.
import { SUDOKU_CELLS } from './sudoku.js'

/** Token of an empty cell; digit d is d + 1. */
const EMPTY = 1
const ALL = 0b11111111100

/** @param question,prediction 81 tokens */
export function isSolvedSudoku(question: ArrayLike<number>, prediction: ArrayLike<number>): boolean {
  const seen = new Uint16Array(27)
  for (let cell = 0; cell < SUDOKU_CELLS; cell++) {
    const [asked, token] = [question[cell], prediction[cell] as number]
    if (asked !== EMPTY && asked !== token) return false
    const [row, col] = [Math.floor(cell / 9), cell % 9]
    for (const unit of [row, 9 + col, 18 + 3 * Math.floor(row / 3) + Math.floor(col / 3)])
      seen[unit] = (seen[unit] as number) | (1 << token)
  }
  return seen.every((bits) => bits === ALL)
}
