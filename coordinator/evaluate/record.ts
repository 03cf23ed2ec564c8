// One evaluation as a document, evaluation.json: what was asked, how every pair was voted on, what came of it, and where it
// was measured. Pure: built from the result, read back by shape, so the report and other programs need nothing else.
import { DataError, WireError } from '../../shared/errors.js'
import { digitsOf } from '../../shared/arc/grid.js'
import type { Task } from '../../shared/arc/task.js'
import { boolean, count, list, number, oneOf, record, text, type Of, type Shape } from '../../shared/protocol/shape.js'
import { wilson } from '../../shared/wilson.js'
import type { Accuracy, EvaluationResult } from './result.js'

/** Candidates of a pair whose grids are kept; of the rest, votes and confidence. */
export const CANDIDATES_WITH_GRID = 10

const KIND = 'trmesh evaluation'

const orNull =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, path) =>
    value === null || value === undefined ? null : shape(value, path)

/** For what older files do not have. */
const orElse =
  <T>(shape: Shape<T>, missing: T): Shape<T> =>
  (value, path) =>
    value === undefined ? missing : shape(value, path)

/** Shares 0..1, their trials, and the 95 % Wilson interval. */
const accuracies = list(record({ name: text(), value: number, trials: count, low: number, high: number }))

/** Rows of digits, one a colour: ["012", "345"]. */
const picture: Shape<readonly string[]> = (value, path) =>
  list(text(30), 30)(value, path).map((row) => {
    if (!/^[0-9]+$/.test(row)) throw new WireError(`${path}: expected rows of digits`, '')
    return row
  })

const document = record({
  kind: oneOf(KIND),
  format: count,
  run: text(),
  step: count,
  /** Its folder; null for the weights of a run under way. */
  checkpoint: orNull(text()),
  /** When, as the clock of the coordinator told it. */
  created: text(),
  /** From the first row sent to the last answer. */
  seconds: number,
  /** Of the coordinator. */
  machine: text(),
  workers: list(record({ label: text(), backend: text(), device: text(), precision: text() })),
  data: record({ source: text(), description: text(), hash: text() }),
  asked: record({
    description: text(),
    /** Rows of the test set under augmentation that were answered. */
    rows: count,
    weights: text(),
    /** Supervision steps, always all of them. */
    steps: count,
    augmentations: count,
    maxPairs: count,
  }),
  accuracies,
  /** Answers of early halting, if they were asked for: their accuracies, and the supervision steps a row took. */
  early: orNull(record({ accuracies, meanSteps: number, fullSteps: count })),
  /** After other supervision steps, if asked for; the last one is the evaluation itself. */
  after: orElse(list(record({ step: count, accuracies })), []),
  /** Evaluations whose votes were counted: more than 1 if those of earlier ones were kept. */
  evaluations: orElse(count, 1),
  /** A few rows, without augmentation, as they were answered after some of the supervision steps. */
  watched: orElse(
    list(
      record({
        task: text(),
        pair: count,
        input: picture,
        solution: orNull(picture),
        after: list(record({ step: count, confidence: number, grid: picture })),
      }),
    ),
    [],
  ),
  /** ARC only: every test pair that was asked. `rank`: place of the right answer among the candidates, -1: not there. */
  pairs: list(
    record({
      task: text(),
      pair: count,
      votes: count,
      known: boolean,
      rank: number,
      input: picture,
      solution: orNull(picture),
      candidates: list(record({ votes: count, confidence: number, grid: orNull(picture) })),
    }),
  ),
})
export type EvaluationRecord = Readonly<Of<typeof document>>
export type WatchedPair = EvaluationRecord['watched'][number]
export type RecordedPair = EvaluationRecord['pairs'][number]

/** What the result does not say of itself. */
export type EvaluationFacts = Omit<
  EvaluationRecord,
  'kind' | 'format' | 'accuracies' | 'early' | 'after' | 'evaluations' | 'watched' | 'pairs'
>

const withIntervals = (accuracies: readonly Accuracy[]): EvaluationRecord['accuracies'] =>
  accuracies.map(({ name, value, trials }) => ({ name, value, trials, ...wilson(value * trials, trials) }))

export function evaluationRecord(facts: EvaluationFacts, result: EvaluationResult): EvaluationRecord {
  const { accuracies, arc, early, after = [], evaluations, watched = [] } = result
  const tasks = new Map<string, Task>(arc?.tasks.map((task) => [task.name, task]))
  return {
    kind: KIND,
    format: 1,
    ...facts,
    accuracies: withIntervals(accuracies),
    early: early === undefined ? null : { accuracies: withIntervals(early.accuracies), meanSteps: early.meanSteps, fullSteps: early.fullSteps }, // prettier-ignore
    after: after.map(({ step, accuracies }) => ({ step, accuracies: withIntervals(accuracies) })),
    evaluations,
    watched: watched.map((row) => ({
      ...row,
      input: [...row.input],
      solution: row.solution && [...row.solution],
      after: row.after.map((one) => ({ ...one, grid: [...one.grid] })),
    })),
    pairs: (arc?.score.pairs ?? []).flatMap(({ task, pair, votes, known, rank, candidates }): RecordedPair[] => {
      const test = tasks.get(task)?.pairs.filter(({ split }) => split === 'test')[pair]
      if (test === undefined) return []
      return [
        {
          ...{ task, pair, votes, known, rank },
          input: digitsOf(test.input),
          solution: test.output === undefined ? null : digitsOf(test.output),
          candidates: candidates.map((candidate, i) => ({
            votes: candidate.votes,
            confidence: candidate.confidence,
            grid: i < CANDIDATES_WITH_GRID ? digitsOf(candidate.grid) : null,
          })),
        },
      ]
    }),
  }
}

/** One line a pair: such a file can be read by people, and compared by lines. */
export function recordText({ watched, pairs, ...rest }: EvaluationRecord): string {
  const head = JSON.stringify(rest, null, 1).replace(/\n}$/, '')
  const lines = (list: readonly object[]): string => `[\n${list.map((one) => `  ${JSON.stringify(one)}`).join(',\n')}\n ]` // prettier-ignore
  return `${head},\n "watched": ${lines(watched)},\n "pairs": ${lines(pairs)}\n}\n`
}

/** @param source the file's name, for messages @throws DataError */
export function parseRecord(json: string, source: string): EvaluationRecord {
  const remedy = 'choose another file, or evaluate again'
  try {
    return document(JSON.parse(json), 'evaluation')
  } catch (error) {
    if (error instanceof WireError) throw new DataError(`${source}: ${error.message}`, remedy)
    if (error instanceof SyntaxError) throw new DataError(`${source} is not JSON: ${error.message}`, remedy)
    throw error
  }
}
