// Boards made here, easy or hard, to learn from and to be tested on. Board i of a split is a pure function of (seed, split, i),
// so threads may make them piece by piece.
import { Piscina } from 'piscina'
import type { DataConfig } from '../../shared/config/run-config.js'
import { DataError } from '../../shared/errors.js'
import { generateMaze } from '../../shared/puzzles/generate-maze.js'
import { generateSudoku } from '../../shared/puzzles/generate-sudoku.js'
import { hardMaze } from '../../shared/puzzles/hard-maze.js'
import { hardSudoku } from '../../shared/puzzles/hard-sudoku.js'
import { PathCounter } from '../../shared/puzzles/shortest-paths.js'
import { ratingOf, SudokuSearch } from '../../shared/puzzles/sudoku-search.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { BoardSplits } from './board-dataset.js'
import type { BoardList } from './csv.js'
import type { Boards } from './encode.js'

type Kind = Boards['kind']

/** Boards `from` to `to` of a split. */
export interface BoardOrder {
  readonly kind: Kind
  readonly side: number
  readonly seed: number
  readonly split: 'train' | 'test'
  /** Rating, at least; 0: easy boards. */
  readonly least: number
  readonly from: number
  readonly to: number
}

interface Board {
  readonly question: Uint8Array
  readonly answer: Uint8Array
  readonly rating: number
}

/** Cells taken from an easy Sudoku, at most: half of them, 40 of 81. */
const emptyOf = (side: number): number => Math.floor((side * side) / 2)
/** Boards drawn for one that is new, at most. */
const TRIES = 100
/** Hard boards a thread makes at a time. */
const PIECE = 16

/** Pure. @returns fewer than asked for where one so hard was not found */
export function makeBoards({ kind, side, seed, split, least, from, to }: BoardOrder): Board[] {
  const search = kind === 'sudoku' ? new SudokuSearch(side) : new PathCounter(side)
  const one = (i: number): Board | undefined => {
    const rng = rngFor(seed, `${kind}-${least > 0 ? 'hard-' : ''}${split}`, i)
    if (least > 0)
      return search instanceof SudokuSearch ? hardSudoku(rng, search, least) : hardMaze(rng, search, side, least)
    const board =
      search instanceof SudokuSearch ? generateSudoku(rng, emptyOf(side), search) : generateMaze(rng, side, 'any')
    const rating =
      search instanceof SudokuSearch ? ratingOf(search, board.question) : (search.count(board.question)?.steps ?? 0)
    return { ...board, rating }
  }
  const made: Board[] = []
  for (let i = from; i < to; i++) {
    const board = one(i)
    if (board === undefined) break
    made.push(board)
  }
  return made
}

/**
 * generatedFamilies * generatedTasksPerFamily boards to learn from, and some to be tested on, none of which is among the
 * former. (Shuffles and views of the former may still meet them, where a board is small.)
 * @param threads that make hard boards; 0: this one @throws DataError where there are not so many
 */
export async function generateBoardSplits(kind: Kind, config: DataConfig, threads = 0): Promise<BoardSplits> {
  const { canvas: side, poolSeed: seed, generatedMinDifficulty: least } = config
  if (kind === 'maze' && side < 5)
    throw new DataError(`a maze of ${side} x ${side} has no room for a path`, 'set data.canvas to 5 or more')
  const count = config.generatedFamilies * config.generatedTasksPerFamily
  const pool =
    least > 0 && threads > 0
      ? new Piscina({
          filename: new URL('./generator-thread.js', import.meta.url).href,
          name: 'make',
          minThreads: threads,
          maxThreads: threads,
        })
      : undefined
  const make = async (order: BoardOrder): Promise<Board[]> =>
    pool === undefined ? makeBoards(order) : ((await pool.run(order)) as Board[])
  /** Boards from..to, made in pieces side by side. */
  const made = async (split: BoardOrder['split'], from: number, to: number): Promise<Board[]> => {
    const piece = pool === undefined ? to - from : PIECE
    const pieces: Promise<Board[]>[] = []
    for (let at = from; at < to; at += piece)
      pieces.push(make({ kind, side, seed, split, least, from: at, to: Math.min(to, at + piece) }))
    const boards = (await Promise.all(pieces)).flat()
    if (boards.length === to - from) return boards
    throw new DataError(
      `no ${kind} of ${side} x ${side} with a rating of ${least} or more was found`,
      'set data.generatedMinDifficulty lower, or data.canvas higher',
    )
  }
  const known = new Set<string>()
  const nameOf = ({ question }: Board): string => Buffer.from(question).toString('latin1')
  const fresh = async (boards: number): Promise<Board[]> => {
    const found: Board[] = []
    for (let drawn = 0; found.length < boards;) {
      const more = Math.min(boards - found.length, TRIES * boards - drawn)
      if (more === 0)
        throw new DataError(
          `there are not ${boards} boards of ${side} x ${side} that are not trained on`,
          'set data.canvas higher, or data.generatedTasksPerFamily lower',
        )
      for (const board of await made('test', drawn, drawn + more)) {
        if (!known.has(nameOf(board))) found.push(board)
        known.add(nameOf(board))
      }
      drawn += more
    }
    return found
  }
  try {
    const train = await made('train', 0, count)
    for (const board of train) known.add(nameOf(board))
    const test = await fresh(config.generatedTestBoards || Math.max(1, Math.ceil(count / 4)))
    return {
      side,
      train: listOf(train),
      test: listOf(test),
      origin: `generated here (seed ${seed})`,
      rating: RATING[kind],
    }
  } finally {
    await pool?.destroy()
  }
}

const RATING: Readonly<Record<Kind, string>> = {
  sudoku: 'dead ends of a complete search',
  maze: 'moves of the only shortest path',
}

const listOf = (boards: readonly Board[]): BoardList => ({
  count: boards.length,
  questions: Buffer.concat(boards.map(({ question }) => question)),
  answers: Buffer.concat(boards.map(({ answer }) => answer)),
  ratings: boards.map(({ rating }) => rating),
})
