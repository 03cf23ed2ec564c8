// Test questions and their copies, which have the same answer in another guise: relabeled and shuffled Sudokus, mazes turned and
// mirrored, augmented ARC pairs. Each answer is mapped back, so that answers to different copies compare.
import { unaugment } from '../../shared/arc/augment.js'
import { dihedral, DIHEDRALS, inverseDihedral, type Grid } from '../../shared/arc/grid.js'
import { crop } from '../../shared/arc/tokens.js'
import { drawShuffle, unshuffled } from '../../shared/puzzles/sudoku.js'
import { rngFor } from '../../shared/rng/counter.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { ArcEvaluation } from './arc-evaluation.js'
import { BoardEvaluation } from './board-evaluation.js'
import { boardSide, encodeReferences, squareInto } from './encode.js'
import type { EvaluationSet, TestRow } from './example-source.js'

export interface Copies {
  /** An answer to a copy of a board, as one to the board itself, u8 tokens [S0]; ARC has none: its votes are mapped back when counted. */
  readonly back?: (question: number, copy: number, preds: Uint8Array) => Uint8Array
  readonly questions: number
  /** Of question q, itself among them as copy 0. */
  count(question: number): number
  row(question: number, copy: number): TestRow
  /** Of an answer to a copy, in tokens: equal for equal answers to the question. */
  key(question: number, copy: number, preds: Uint8Array): string
  /** The key of the right answer; undefined where it is not known. */
  right(question: number): string | undefined
}

/** @param most copies of a question, itself included @param seed of the shuffles of Sudokus */
export function copiesOf(set: EvaluationSet, most: number, seed: number): Copies {
  if (set instanceof ArcEvaluation) return arcCopies(set, most)
  if (set instanceof BoardEvaluation) return boardCopies(set, most, seed)
  throw new Error('test rows of neither ARC nor boards')
}

export const keyOf = (cells: ArrayLike<number>): string => String.fromCharCode(...Array.from(cells))
export const gridKey = ({ rows, cols, cells }: Grid): string => keyOf([rows, cols, ...cells])

function arcCopies(set: ArcEvaluation, most: number): Copies {
  const asked = set.parts.flatMap((part) => part.pairs.map((_, place) => ({ part, place })))
  const rowOf = (question: number, copy: number): number => {
    const { part, place } = asked[question]!
    return part.firstRow + copy * part.pairs.length + place
  }
  return {
    questions: asked.length,
    count: (question) => Math.min(most, asked[question]!.part.members),
    row: (question, copy) => set.row(rowOf(question, copy)),
    key: (question, copy, preds) =>
      gridKey(
        unaugment(crop(preds, set.pool.config.canvas), set.pool.augmentation(set.at(rowOf(question, copy)).puzzle)),
      ),
    right: (question) => {
      const { output } = set.at(rowOf(question, 0)).pair
      return output && gridKey(output)
    },
  }
}

function boardCopies(set: BoardEvaluation, most: number, seed: number): Copies {
  const { kind } = set.boards
  const shuffleSeed = (question: number, copy: number): number =>
    copy === 0 ? 0 : rngFor(seed, 'copy', question, copy).u32()
  const back = (question: number, copy: number, preds: Uint8Array): Uint8Array => {
    const side = boardSide(set.boards, question)
    const cells = set.square(question, preds)
    if (copy === 0) return cells
    if (kind === 'sudoku') return unshuffled(cells, drawShuffle(new Mt19937(shuffleSeed(question, copy)), side))
    return dihedral({ rows: side, cols: side, cells }, inverseDihedral(copy)).cells
  }
  return {
    back: (question, copy, preds) => {
      const out = preds.slice()
      squareInto(out, 0, set.boards.side, back(question, copy, preds), boardSide(set.boards, question))
      return out
    },
    questions: set.rows,
    count: () => (kind === 'maze' ? Math.min(most, DIHEDRALS) : most),
    row: (question, copy) => {
      const reference = Uint32Array.of(question, copy, shuffleSeed(question, copy), 0, 0)
      const tokens = encodeReferences(set.boards, reference)
      const cells = tokens.length / 2
      return { ...set.row(question), inputs: tokens.subarray(0, cells), labels: tokens.subarray(cells) }
    },
    key: (question, copy, preds) => keyOf(back(question, copy, preds)),
    right: (question) => keyOf(set.square(question, set.row(question).labels)),
  }
}
