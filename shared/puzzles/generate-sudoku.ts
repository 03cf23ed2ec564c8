// Sudokus without data: a random full board, cells taken away as long as the solution stays the only one. Every symmetry of the
// game (digits, bands, rows, stacks, columns, transpose) leaves the distribution as it is, so a board says nothing of where it
// came from, and shuffled copies are boards as likely as any.
import { range, shuffled, type Words } from '../rng/draws.js'
import type { SudokuSearch } from './sudoku-search.js'
import { drawShuffle, shuffleInto } from './sudoku.js'

/** A random full board. Which candidate a search tries where is random; which cells it comes to first is not: hence the shuffle. */
export function fullBoard(rng: Words, search: SudokuSearch): Uint8Array {
  const board = search.fill(rng)
  const out = new Uint8Array(board.length)
  const chance = { permutation: (n: number) => shuffled(rng, range(n)), uniform: () => rng.u32() / 2 ** 32 }
  shuffleInto(out, 0, board, 0, drawShuffle(chance, search.side))
  return out.map((token) => token - 1)
}

/** A Sudoku with exactly one solution. @param empty cells taken away, at most */
export function generateSudoku(
  rng: Words,
  empty: number,
  search: SudokuSearch,
): { question: Uint8Array; answer: Uint8Array } {
  const answer = fullBoard(rng, search)
  const question = answer.slice()
  let left = empty
  for (const cell of shuffled(rng, range(answer.length))) {
    if (left === 0) break
    question[cell] = 0
    if (search.forces(question, cell, answer[cell] as number)) left--
    else question[cell] = answer[cell] as number
  }
  return { question, answer }
}
