// The test rows of ARC data and their scoring: every test pair under its augmentations, which vote (spec 5.2).
import { expectedBox } from '../../shared/arc/expected-box.js'
import { unaugment } from '../../shared/arc/augment.js'
import { digitsOf } from '../../shared/arc/grid.js'
import { crop, encodeInto } from '../../shared/arc/tokens.js'
import type { Group, Pool } from '../../shared/arc/pool.js'
import type { Pair, Task } from '../../shared/arc/task.js'
import { PASS_K, Votes, type ArcScore } from '../../shared/arc/vote.js'
import type { Scorer } from '../evaluate/result.js'
import { spread, type Picture, type Watch, type WatchedQuestion } from '../evaluate/watch.js'
import type { EvaluationLimits, EvaluationSet, RowScorer, TestRow } from './example-source.js'
import { RowAccuracy } from './row-accuracy.js'

/** A task of the test set and what is asked of it. */
export interface Part {
  readonly group: Group
  /** Indices into task.pairs. */
  readonly pairs: readonly number[]
  readonly members: number
  /** Number of its first row. */
  readonly firstRow: number
}

export class ArcEvaluation implements EvaluationSet {
  readonly rows: number
  readonly description: string
  readonly parts: readonly Part[]
  /** Some of the pairs as they stand in the files, without augmentation. */
  readonly watch: Watch
  /** Of each scorer, for as long as somebody holds it. */
  private readonly cast = new WeakMap<Scorer, Votes>()

  /**
   * @param tasks all of the test subset, also those that do not fit the canvas
   * @param firstPuzzle identifier of the first puzzle of the pool
   */
  constructor(
    readonly pool: Pool,
    private readonly tasks: readonly Task[],
    private readonly limits: EvaluationLimits,
    private readonly firstPuzzle = 1,
  ) {
    const { augmentations, maxPairs } = limits
    const parts: Part[] = []
    let left = maxPairs === 0 ? Infinity : maxPairs
    let rows = 0
    for (const group of pool.testGroups) {
      const pairs = group.test.slice(0, left)
      if (pairs.length === 0) break
      const members = Math.min(group.to - group.from, 1 + augmentations)
      parts.push({ group, pairs, members, firstRow: rows })
      rows += members * pairs.length
      left -= pairs.length
    }
    this.parts = parts
    this.rows = rows
    this.watch = {
      rows: spread(parts.flatMap(({ pairs, firstRow }) => pairs.map((_, place) => firstRow + place))),
      about: (row) => this.about(row),
      picture: (row, preds) => this.drawn(row, preds),
    }
    const asked = parts.reduce((sum, part) => sum + part.pairs.length, 0)
    this.description = `${asked} unseen test pairs of ${parts.length} tasks, ${rows} rows with augmentations`
  }

  /** The rows of a task follow each other, augmentation by augmentation, as in the official test split. */
  row(index: number): TestRow {
    const { part, puzzle, pair, place } = this.at(index)
    const { transform, colours } = this.pool.augmentation(puzzle)
    const { canvas } = this.pool.config
    const inputs = new Uint8Array(canvas * canvas)
    const labels = new Uint8Array(canvas * canvas)
    encodeInto(inputs, 0, canvas, pair.input, transform, colours, 0, 0)
    if (pair.output !== undefined) encodeInto(labels, 0, canvas, pair.output, transform, colours, 0, 0)
    const { task } = part.group
    const expected =
      this.limits.canvas === 'shown' ? { box: expectedBox(task, part.pairs[place] as number, canvas, transform) } : {}
    return { puzzle: this.firstPuzzle + puzzle, task: task.name, pair: place, inputs, labels, ...expected }
  }

  private about(index: number): WatchedQuestion {
    const { part, pair, place } = this.at(index)
    const solution = pair.output === undefined ? null : digitsOf(pair.output)
    return { task: part.group.task.name, pair: place, input: digitsOf(pair.input), solution }
  }

  /** In the frame of the task, as the vote counts it. */
  private drawn(index: number, preds: Uint8Array): Picture {
    return digitsOf(unaugment(crop(preds, this.pool.config.canvas), this.pool.augmentation(this.at(index).puzzle)))
  }

  /** No vote cast yet, but those of `before`. */
  votes(before?: Votes): Votes {
    return new Votes(
      this.parts.map(({ group, pairs }) => ({ task: group.task, pairs: pairs.map((_, i) => i) })),
      this.pool.config.canvas,
      before,
    )
  }

  scorer(before?: Scorer): RowScorer {
    const votes = this.votes(before && this.cast.get(before))
    const exact = new RowAccuracy()
    const arc = (): ArcScore => votes.score()
    const scorer: RowScorer = {
      add: (row, preds, q) => {
        const { part, puzzle } = this.at(row)
        const { inputs, labels } = this.row(row)
        votes.add(part.group.task.name, this.pool.augmentation(puzzle), inputs, preds, q)
        exact.add(labels, preds)
      },
      arc,
      finish: () => {
        const score = arc()
        const { pass, tasks, knownPairs, solvedPairs } = score
        const value = (k: number): number => pass[k] ?? 0
        return {
          score: value(2),
          accuracies: [
            { name: 'pass@2', value: value(2), trials: tasks.length },
            ...PASS_K.filter((k) => k !== 2).map((k) => ({ name: `pass@${k}`, value: value(k), trials: tasks.length })),
            { name: 'test pairs solved', value: solvedPairs / Math.max(1, knownPairs), trials: knownPairs },
            // Rows of one pair are not independent: the interval is that of the pairs.
            { name: 'rows exact', value: exact.exact, trials: knownPairs },
            { name: 'cells right', value: exact.cells, trials: knownPairs },
          ],
          arc: { score, tasks: this.tasks },
        }
      },
    }
    this.cast.set(scorer, votes)
    return scorer
  }

  /** What row `index` is made of. */
  at(index: number): { part: Part; puzzle: number; pair: Pair; place: number } {
    let low = 0
    let high = this.parts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.parts[middle] as Part).firstRow <= index) low = middle
      else high = middle - 1
    }
    const part = this.parts[low] as Part
    const inside = index - part.firstRow
    const place = inside % part.pairs.length
    return {
      part,
      puzzle: part.group.from + Math.floor(inside / part.pairs.length),
      pair: part.group.task.pairs[part.pairs[place] as number] as Pair,
      place,
    }
  }
}
