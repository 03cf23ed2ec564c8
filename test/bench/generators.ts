// Boards a second that one core makes, by kind and hardness, and how hard they are; per second of processor time, so that a busy
// machine changes little. Ratio: against the easy boards of the same kind in the same run.
import { makeBoards, type BoardOrder } from '../../coordinator/data/generated-boards.js'
import { minimalSudoku } from '../../shared/puzzles/hard-sudoku.js'
import { ratingOf, SudokuSearch } from '../../shared/puzzles/sudoku-search.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { BenchOptions, Report } from './benchmark.js'

interface Made {
  readonly ratings: readonly number[]
  /** Boards per second of processor time. */
  readonly rate: number
}

const BOARDS = 400

function timed(boards: number, make: () => readonly number[]): Made {
  const before = process.cpuUsage()
  const ratings = make()
  const { user, system } = process.cpuUsage(before)
  return { ratings, rate: boards / ((user + system) / 1e6) }
}

/** `ratings 1 to 22; 10 % 2, 50 % 4, 90 % 9, mean 4.7`. */
function distribution(ratings: readonly number[]): string {
  const sorted = [...ratings].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN
  const mean = ratings.reduce((sum, rating) => sum + rating, 0) / ratings.length
  return `ratings ${at(0)} to ${at(1)}; 10 % ${at(0.1)}, 50 % ${at(0.5)}, 90 % ${at(0.9)}, mean ${mean.toFixed(1)}`
}

export const run = ({ quick }: BenchOptions, report: Report): Promise<void> => {
  const hard = (kind: BoardOrder['kind'], side: number, least: number, count: number): Made => {
    const boards = quick ? 2 : count
    const order = { kind, side, seed: 1, split: 'train', least, from: 0, to: boards } as const
    makeBoards({ ...order, to: quick ? 1 : 20, split: 'test' })
    return timed(boards, () => makeBoards(order).map(({ rating }) => rating))
  }
  const tell = (config: string, { ratings, rate }: Made, yardstick: Made | undefined): void =>
    report({
      ...{ config, value: rate, unit: 'boards/s', ratio: yardstick === undefined ? null : rate / yardstick.rate },
      remark: distribution(ratings),
    })
  const search = new SudokuSearch(9)
  const count = quick ? 2 : 4 * BOARDS
  const minimal = timed(count, () => Array.from({ length: count }, (_, i) => minimalSudoku(rngFor(1, 'bench', i), search).rating)) // prettier-ignore
  const easy = hard('sudoku', 9, 0, BOARDS)
  tell('Sudoku 9 x 9, easy: half of the cells empty, rated', easy, undefined)
  tell('Sudoku 9 x 9, minimal, as hard as chance has it', minimal, easy)
  for (const least of [5, 10, 20]) tell(`Sudoku 9 x 9, minimal, rating ${least} or more`, hard('sudoku', 9, least, BOARDS / least), easy) // prettier-ignore
  const puzzles = Array.from({ length: count }, (_, i) => minimalSudoku(rngFor(2, 'bench', i), search).question)
  tell('rating alone, of minimal Sudokus', timed(count, () => puzzles.map((question) => ratingOf(search, question))), undefined) // prettier-ignore
  const small = hard('sudoku', 6, 0, BOARDS)
  tell('Sudoku 6 x 6, easy, rated', small, undefined)
  tell('Sudoku 6 x 6, minimal, rating 1 or more', hard('sudoku', 6, 1, BOARDS), small)
  const tree = hard('maze', 30, 0, 4 * BOARDS)
  tell('maze 30 x 30, a tree', tree, undefined)
  for (const least of [110, 200]) tell(`maze 30 x 30, loops, one shortest path of ${least} or more`, hard('maze', 30, least, BOARDS), tree) // prettier-ignore
  return Promise.resolve()
}
