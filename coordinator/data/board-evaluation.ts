// The test rows of Sudoku and maze data and their scoring. The official measure is equality with the labelled answer; beside
// it stands whether the answer is right by the rules of the puzzle, because a maze may have several shortest paths.
import { checkMaze } from '../../shared/puzzles/check-maze.js'
import { isSolvedSudoku } from '../../shared/puzzles/check-sudoku.js'
import type { Accuracy } from '../evaluate/result.js'
import { spread, type Picture, type Watch } from '../evaluate/watch.js'
import { boardSide, encodeReferences, squareInto, type Boards } from './encode.js'
import type { EvaluationLimits, EvaluationSet, RowScorer, TestRow } from './example-source.js'
import { RowAccuracy } from './row-accuracy.js'

/** By token: none, wall, free, start, goal, path. */
const MAZE_COLOURS = [6, 5, 0, 3, 2, 8]

export class BoardEvaluation implements EvaluationSet {
  readonly rows: number
  readonly description: string
  readonly watch: Watch

  /** @param boards those of the test split, so many */
  constructor(
    readonly boards: Boards,
    count: number,
    { maxPairs }: Pick<EvaluationLimits, 'maxPairs'>,
  ) {
    this.rows = maxPairs === 0 ? count : Math.min(maxPairs, count)
    this.watch = {
      rows: spread(Array.from({ length: this.rows }, (_, row) => row)),
      about: (row) => {
        const { task, pair, inputs, labels } = this.row(row)
        return { task, pair, input: this.drawn(row, inputs), solution: this.drawn(row, labels) }
      },
      picture: (row, preds) => this.drawn(row, preds),
    }
    this.description = `${this.rows} unseen ${boards.kind} puzzles`
  }

  row(index: number): TestRow {
    const { kind, side } = this.boards
    const tokens = encodeReferences(this.boards, Uint32Array.of(index, 0, 0, 0, 0))
    const size = side * side
    return { puzzle: 0, task: `${kind}-${index}`, pair: 0, inputs: tokens.subarray(0, size), labels: tokens.subarray(size) } // prettier-ignore
  }

  /** In the colours of ARC: a Sudoku's digits are their own, a maze has black floor, grey walls and a bright path. */
  private drawn(row: number, canvas: Uint8Array): Picture {
    const { kind } = this.boards
    const side = boardSide(this.boards, row)
    const tokens = this.square(row, canvas)
    const digit = (token: number): number => (kind === 'maze' ? (MAZE_COLOURS[token] ?? 6) : Math.max(0, token - 1))
    return Array.from({ length: side }, (_, r) => Array.from(tokens.subarray(r * side, (r + 1) * side), digit).join(''))
  }

  /** The cells of a row's own board. */
  square(row: number, canvas: Uint8Array): Uint8Array {
    const side = boardSide(this.boards, row)
    if (side === this.boards.side) return canvas
    const own = new Uint8Array(side * side)
    squareInto(own, 0, side, canvas, this.boards.side)
    return own
  }

  scorer(): RowScorer {
    const exact = new RowAccuracy()
    const rules = this.boards.kind === 'sudoku' ? new SudokuRules() : new MazeRules()
    const bySide = new Map<number, RowAccuracy>()
    return {
      add: (index, preds) => {
        const row = this.row(index)
        const side = boardSide(this.boards, index)
        exact.add(row.labels, preds)
        const own = bySide.get(side) ?? new RowAccuracy()
        bySide.set(side, own)
        own.add(row.labels, preds)
        const [inputs, labels, answer] = [row.inputs, row.labels, preds].map((cells) => this.square(index, cells))
        rules.add({ inputs: inputs!, labels: labels! }, answer!, side)
      },
      arc: () => undefined,
      finish: () => ({
        score: exact.exact,
        accuracies: [
          { name: 'exact', value: exact.exact, trials: exact.known },
          ...rules.accuracies(exact.known),
          { name: 'cells right', value: exact.cells, trials: exact.known },
          ...(this.boards.sides === undefined ? [] : bySize(bySide)),
        ],
      }),
    }
  }
}

const bySize = (bySide: ReadonlyMap<number, RowAccuracy>): Accuracy[] =>
  [...bySide]
    .sort(([a], [b]) => a - b)
    .map(([side, { exact, known }]) => ({ name: `exact ${side} x ${side}`, value: exact, trials: known }))

/** A question and its answer, without the canvas around them. */
type Square = Pick<TestRow, 'inputs' | 'labels'>

class SudokuRules {
  private solved = 0

  add({ inputs }: Square, preds: Uint8Array, side: number): void {
    if (isSolvedSudoku(inputs, preds, side)) this.solved++
  }

  accuracies(trials: number): Accuracy[] {
    return [{ name: 'valid board, givens kept', value: this.solved / Math.max(1, trials), trials }]
  }
}

class MazeRules {
  private shortest = 0
  private other = 0

  add({ inputs, labels }: Square, preds: Uint8Array, side: number): void {
    if (checkMaze(inputs, preds, side) !== 'shortest') return
    this.shortest++
    if (labels.some((token, cell) => token !== preds[cell])) this.other++
  }

  accuracies(trials: number): Accuracy[] {
    const share = (count: number): number => count / Math.max(1, trials)
    return [
      { name: 'valid, any shortest path', value: share(this.shortest), trials },
      { name: 'valid, other shortest path', value: share(this.other), trials },
    ]
  }
}
