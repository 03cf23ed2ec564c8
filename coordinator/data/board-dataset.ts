// Sudoku and maze data ready to train on: boards in shared memory, augmented by shuffles or views. Source: spec 4.3, 4.4.
import type { DataConfig } from '../../shared/config/run-config.js'
import { DataError } from '../../shared/errors.js'
import { Sha256 } from '../../shared/hash.js'
import { DIHEDRALS } from '../../shared/arc/grid.js'
import { generateMaze } from '../../shared/puzzles/generate-maze.js'
import { generateSudoku } from '../../shared/puzzles/generate-sudoku.js'
import { MAZE_VOCAB } from '../../shared/puzzles/maze.js'
import { SUDOKU_VOCAB } from '../../shared/puzzles/sudoku.js'
import { rngFor } from '../../shared/rng/counter.js'
import { BoardEvaluation } from './board-evaluation.js'
import { FORMATS, readBoards, type BoardList } from './csv.js'
import type { Boards, Reference } from './encode.js'
import type { Dataset, EvaluationLimits, EvaluationSet } from './example-source.js'
import type { Choice, Lot } from './sampler.js'

type Kind = Boards['kind']

/** Sudokus used of a larger training file (official subsample). */
const SUDOKU_SAMPLE = 1000
/** Cells taken from a generated Sudoku, at most: half of them, 40 of 81. */
const emptyOf = (side: number): number => Math.floor((side * side) / 2)
/** Boards drawn for one that is new, at most. */
const TRIES = 100

export interface BoardSplits {
  readonly side: number
  readonly train: BoardList
  readonly test: BoardList
  /** Which data this is, for people. */
  readonly origin: string
}

/** Train and test boards of FOLDER/train.csv and FOLDER/test.csv. @throws DataError */
export async function readBoardSplits(folder: string, kind: Kind, config: DataConfig): Promise<BoardSplits> {
  const { side } = FORMATS[kind]
  const kept = kind === 'sudoku' ? { sample: SUDOKU_SAMPLE, seed: config.poolSeed } : { first: Infinity }
  const train = await readBoards(folder, 'train', kind, kept)
  return { side, train, test: await readBoards(folder, 'test', kind), origin: folder }
}

/**
 * Boards made here: generatedFamilies * generatedTasksPerFamily to learn from, a quarter as many to be tested on, none of
 * which is among the former. (Shuffles and views of the former may still meet them, where a board is small.)
 */
export function generateBoardSplits(kind: Kind, config: DataConfig): BoardSplits {
  const side = config.canvas
  if (kind === 'maze' && side < 5)
    throw new DataError(`a maze of ${side} x ${side} has no room for a path`, 'set data.canvas to 5 or more')
  const count = config.generatedFamilies * config.generatedTasksPerFamily
  const known = new Set<string>()
  const list = (split: string, boards: number, isNew: (name: string) => boolean): BoardList => {
    const made: { question: Uint8Array; answer: Uint8Array }[] = []
    for (let i = 0; made.length < boards; i++) {
      if (i >= TRIES * boards)
        throw new DataError(
          `there are not ${boards} boards of ${side} x ${side} that are not trained on`,
          'set data.canvas higher, or data.generatedTasksPerFamily lower',
        )
      const rng = rngFor(config.poolSeed, `${kind}-${split}`, i)
      const board = kind === 'sudoku' ? generateSudoku(rng, emptyOf(side), side) : generateMaze(rng, side)
      const name = Buffer.from(board.question).toString('latin1')
      if (isNew(name)) made.push(board)
    }
    return {
      count: boards,
      questions: Buffer.concat(made.map(({ question }) => question)),
      answers: Buffer.concat(made.map(({ answer }) => answer)),
    }
  }
  const train = list('train', count, (name) => {
    known.add(name)
    return true
  })
  const test = list('test', Math.max(1, Math.ceil(count / 4)), (name) => {
    const isNew = !known.has(name)
    known.add(name)
    return isNew
  })
  return { side, train, test, origin: `generated here (seed ${config.poolSeed})` }
}

const shared = (bytes: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

export class BoardDataset implements Dataset {
  readonly vocab: number
  /** All puzzles share one identifier, 0. */
  readonly numPuzzles = 1
  readonly hash: string
  readonly description: string
  readonly lots: readonly Lot[]
  readonly grids: Boards
  private readonly members: number

  constructor(
    kind: Kind,
    private readonly splits: BoardSplits,
    private readonly config: DataConfig,
  ) {
    const { side, train, test, origin } = splits
    this.vocab = kind === 'sudoku' ? SUDOKU_VOCAB : MAZE_VOCAB
    this.members = 1 + (kind === 'sudoku' ? config.augmentations : Math.min(config.augmentations, DIHEDRALS - 1))
    this.grids = { kind, side, questions: shared(train.questions), answers: shared(train.answers) }
    this.lots = Array.from({ length: train.count }, (_, i) => ({
      from: i * this.members,
      to: (i + 1) * this.members,
      examples: 1,
    }))
    const hash = new Sha256().update(JSON.stringify([kind, side, this.members, config.poolSeed]))
    for (const { questions, answers } of [train, test]) hash.update(questions).update(answers)
    this.hash = hash.hex()
    this.description = `${kind} ${origin}: ${train.count} puzzles of ${side} x ${side}, each in ${this.members} forms, ${test.count} held out`
  }

  refer({ lot, puzzle }: Choice): { puzzle: number; reference: Reference } {
    const member = puzzle - lot * this.members
    const seed = member === 0 ? 0 : rngFor(this.config.poolSeed, 'shuffle', lot, member).u32()
    return { puzzle: 0, reference: [lot, member, seed, 0, 0] }
  }

  evaluation(limits: EvaluationLimits): EvaluationSet {
    const { count, questions, answers } = this.splits.test
    return new BoardEvaluation({ ...this.grids, questions, answers }, count, limits)
  }
}
