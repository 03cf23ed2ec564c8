// The test rows of Sudoku and maze data and their scoring. The official measure is equality with the labelled answer; beside
// it stands whether the answer is right by the rules of the puzzle, because a maze may have several shortest paths.
import { checkMaze } from '../../shared/puzzles/check-maze.js'
import { isSolvedSudoku } from '../../shared/puzzles/check-sudoku.js'
import type { Accuracy } from '../evaluate/result.js'
import { spread, type Picture, type Watch } from '../evaluate/watch.js'
import { encodeReferences, type Boards } from './encode.js'
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
        return { task, pair, input: this.drawn(inputs), solution: this.drawn(labels) }
      },
      picture: (_, preds) => this.drawn(preds),
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
  private drawn(tokens: Uint8Array): Picture {
    const { kind, side } = this.boards
    const digit = (token: number): number => (kind === 'maze' ? (MAZE_COLOURS[token] ?? 6) : Math.max(0, token - 1))
    return Array.from({ length: side }, (_, r) => Array.from(tokens.subarray(r * side, (r + 1) * side), digit).join(''))
  }

  scorer(): RowScorer {
    const exact = new RowAccuracy()
    const rules = this.boards.kind === 'sudoku' ? new SudokuRules(this.boards.side) : new MazeRules(this.boards.side)
    return {
      add: (index, preds) => {
        const row = this.row(index)
        exact.add(row.labels, preds)
        rules.add(row, preds)
      },
      arc: () => undefined,
      finish: () => ({
        score: exact.exact,
        accuracies: [
          { name: 'exact', value: exact.exact, trials: exact.known },
          ...rules.accuracies(exact.known),
          { name: 'cells right', value: exact.cells, trials: exact.known },
        ],
      }),
    }
  }
}

class SudokuRules {
  private solved = 0

  constructor(private readonly side: number) {}

  add({ inputs }: TestRow, preds: Uint8Array): void {
    if (isSolvedSudoku(inputs, preds, this.side)) this.solved++
  }

  accuracies(trials: number): Accuracy[] {
    return [{ name: 'valid board, givens kept', value: this.solved / Math.max(1, trials), trials }]
  }
}

class MazeRules {
  private shortest = 0
  private other = 0

  constructor(private readonly side: number) {}

  add({ inputs, labels }: TestRow, preds: Uint8Array): void {
    if (checkMaze(inputs, preds, this.side) !== 'shortest') return
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
