// Hard Sudokus without data, in the style of the extreme set: no given can be spared, and the rating has a lower bound.
import { range, sample, shuffled, type Words } from '../rng/draws.js'
import { fullBoard } from './generate-sudoku.js'
import { ratingOf, type SudokuSearch } from './sudoku-search.js'

export interface RatedBoard {
  /** Digits, 0 for empty. */
  readonly question: Uint8Array
  readonly answer: Uint8Array
  /** Dead ends; see ratingOf. */
  readonly rating: number
}

/** Givens put back before others are taken away: enough to come to another board, few enough to keep what made it hard. */
const PUT_BACK = 6
/** Changes of one full board before another is tried, and full boards tried for one that is hard enough, at most. */
const CHANGES = 100
const BOARDS = 200

/** Takes givens away, in random order, as long as the solution stays the only one: what is left is minimal. */
function reduce(rng: Words, search: SudokuSearch, question: Uint8Array): void {
  for (const cell of shuffled(rng, range(question.length))) {
    const digit = question[cell] as number
    if (digit === 0) continue
    question[cell] = 0
    if (!search.forces(question, cell, digit)) question[cell] = digit
  }
}

/** A minimal Sudoku with exactly one solution, as hard as chance has it. */
export function minimalSudoku(rng: Words, search: SudokuSearch): RatedBoard {
  const answer = fullBoard(rng, search)
  const question = answer.slice()
  reduce(rng, search, question)
  return { question, answer, rating: ratingOf(search, question) }
}

/** Another minimal puzzle of the same full board. */
function changed(rng: Words, search: SudokuSearch, { question, answer }: RatedBoard): RatedBoard {
  const next = question.slice()
  const empty = range(next.length).filter((cell) => next[cell] === 0)
  for (const cell of sample(rng, empty, PUT_BACK)) next[cell] = answer[cell] as number
  reduce(rng, search, next)
  return { question: next, answer, rating: ratingOf(search, next) }
}

/**
 * A minimal Sudoku with exactly one solution: a random one is changed, never to an easier one, until it is hard enough.
 * @param least rating, at least
 * @returns undefined where none was found: the side has none, or too few
 */
export function hardSudoku(rng: Words, search: SudokuSearch, least: number): RatedBoard | undefined {
  for (let i = 0; i < BOARDS; i++) {
    let board = minimalSudoku(rng, search)
    for (let change = 0; board.rating < least && change < CHANGES; change++) {
      const next = changed(rng, search, board)
      if (next.rating >= board.rating) board = next
    }
    if (board.rating >= least) return board
  }
  return undefined
}
