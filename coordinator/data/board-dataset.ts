// Sudoku and maze data ready to train on: boards in shared memory, augmented by shuffles or views. Source: spec 4.3, 4.4.
import type { DataConfig } from '../../shared/config/run-config.js'
import { Sha256 } from '../../shared/hash.js'
import { DIHEDRALS } from '../../shared/arc/grid.js'
import { MAZE_VOCAB } from '../../shared/puzzles/maze.js'
import { SUDOKU_VOCAB } from '../../shared/puzzles/sudoku.js'
import { rngFor } from '../../shared/rng/counter.js'
import { BoardEvaluation } from './board-evaluation.js'
import { provenance } from './board-sets.js'
import { FORMATS, readBoards, type BoardList } from './csv.js'
import type { Boards, Reference } from './encode.js'
import type { Dataset, EvaluationLimits, EvaluationSet } from './example-source.js'
import type { Choice, Lot } from './sampler.js'

type Kind = Boards['kind']

export interface BoardSplits {
  readonly side: number
  readonly train: BoardList
  readonly test: BoardList
  /** Sides of the boards of each list, where not all are `side`; every board has side * side bytes, of which it fills the first. */
  readonly sides?: { readonly train: Uint8Array; readonly test: Uint8Array }
  /** Which data this is, for people. */
  readonly origin: string
  /** What the ratings of its boards count. */
  readonly rating: string
}

/** Train and test boards of FOLDER/train.csv and FOLDER/test.csv. @throws DataError */
export async function readBoardSplits(folder: string, kind: Kind, config: DataConfig): Promise<BoardSplits> {
  const { side } = FORMATS[kind]
  const { minDifficulty, subsample, poolSeed: seed } = config
  const train = await readBoards(folder, 'train', kind, {
    minDifficulty,
    ...(subsample > 0 ? { subsample, seed } : {}),
  })
  const test = await readBoards(folder, 'test', kind, { minDifficulty })
  const origin = `${folder} (${await provenance(folder, { 'train.csv': train.sha256, 'test.csv': test.sha256 })})`
  return { side, train, test, origin, rating: 'as published' }
}

/** `, ratings 10 to 43, median 13 (what they count)`; nothing where none is known. */
function ratingText({ ratings }: BoardList, what: string): string {
  const sorted = ratings.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return ''
  return `, ratings ${sorted[0]} to ${sorted.at(-1)}, median ${sorted[(sorted.length - 1) >> 1]} (${what})`
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
    const { side, train, test, origin, rating, sides } = splits
    this.vocab = kind === 'sudoku' ? SUDOKU_VOCAB : MAZE_VOCAB
    this.members = 1 + (kind === 'sudoku' ? config.augmentations : Math.min(config.augmentations, DIHEDRALS - 1))
    this.grids = {
      ...{ kind, side, questions: shared(train.questions), answers: shared(train.answers) },
      ...(sides && { sides: shared(sides.train) }),
    }
    this.lots = Array.from({ length: train.count }, (_, i) => ({
      from: i * this.members,
      to: (i + 1) * this.members,
      examples: 1,
    }))
    const hash = new Sha256().update(JSON.stringify([kind, side, this.members, config.poolSeed]))
    if (sides !== undefined) hash.update(sides.train).update(sides.test)
    for (const { questions, answers } of [train, test]) hash.update(questions).update(answers)
    this.hash = hash.hex()
    this.description = `${kind} ${origin}: ${train.count} puzzles of ${sizesInWords(sides?.test, side)}, each in ${this.members} forms${ratingText(train, rating)}, ${test.count} held out`
  }

  refer({ lot, puzzle }: Choice): { puzzle: number; reference: Reference } {
    const member = puzzle - lot * this.members
    const seed = member === 0 ? 0 : rngFor(this.config.poolSeed, 'shuffle', lot, member).u32()
    return { puzzle: 0, reference: [lot, member, seed, 0, 0] }
  }

  evaluation(limits: EvaluationLimits): EvaluationSet {
    const { test, sides } = this.splits
    const { kind, side } = this.grids
    const { count, questions, answers } = test
    return new BoardEvaluation({ kind, side, questions, answers, ...(sides && { sides: sides.test }) }, count, limits)
  }
}

const sizesInWords = (sides: Uint8Array | undefined, canvas: number): string =>
  sides === undefined
    ? `${canvas} x ${canvas}`
    : `${[...new Set(sides)].map((side) => `${side} x ${side}`).join(', ')} on a canvas of ${canvas} x ${canvas}`
