// Answers on disk while they come in: the test set is asked breadth first (every test input once, then each under its next
// augmentation), and a file is kept up to date with the best two candidates so far and the votes behind them.
import { renameSync, writeFileSync } from 'node:fs'
import { answersText, type Answer, type Answers } from '../../shared/arc/answers.js'
import { rowsOf } from '../../shared/arc/grid.js'
import type { ArcScore, PairScore } from '../../shared/arc/vote.js'
import { ConfigError } from '../../shared/errors.js'
import { ArcEvaluation } from '../data/arc-evaluation.js'
import type { EvaluationSet, RowScorer } from '../data/example-source.js'
import { quietObserver } from '../quiet-observer.js'
import type { Inquiry } from './inquiry.js'
import type { Scorer } from './result.js'

/** Milliseconds between two versions of the file, at least. */
const EVERY_MS = 500

/** Rows of a test set, every input once before any comes again. */
export function breadthFirst({ parts, rows }: Pick<ArcEvaluation, 'parts' | 'rows'>): Uint32Array {
  const order = new Uint32Array(rows)
  const deepest = Math.max(0, ...parts.map(({ members }) => members))
  let at = 0
  for (let member = 0; member < deepest; member++)
    for (const { members, pairs, firstRow } of parts)
      for (let pair = 0; member < members && pair < pairs.length; pair++)
        order[at++] = firstRow + member * pairs.length + pair
  return order
}

const answerOf = ({ candidates, votes }: PairScore): Answer | null => {
  const [first, second = first] = candidates.filter(({ grid }) => grid.cells.length > 0)
  if (first === undefined || second === undefined) return null
  return { attempt_1: rowsOf(first.grid), attempt_2: rowsOf(second.grid), votes }
}

export function answersOf({ pairs }: ArcScore): Answers {
  const answers = new Map<string, (Answer | null)[]>()
  for (const pair of pairs) {
    const list = answers.get(pair.task) ?? []
    answers.set(pair.task, list)
    list[pair.pair] = answerOf(pair)
  }
  return answers
}

/** @param failed the file cannot be written */
export function liveAnswers(file: string, failed: (error: unknown) => void): Inquiry {
  let waiting: NodeJS.Timeout | undefined
  const inside = new WeakMap<Scorer, RowScorer>()
  const write = (scorer: RowScorer): void => {
    clearTimeout(waiting)
    waiting = undefined
    const score = scorer.arc()
    if (score === undefined) return
    try {
      writeFileSync(`${file}.tmp`, answersText(answersOf(score)))
      renameSync(`${file}.tmp`, file)
    } catch (error) {
      failed(error)
    }
  }
  return {
    observer: quietObserver,
    ask({ evaluation }): EvaluationSet {
      if (!(evaluation instanceof ArcEvaluation))
        throw new ConfigError('answers are kept for ARC tasks only', 'leave --answers out')
      const order = breadthFirst(evaluation)
      return {
        rows: evaluation.rows,
        description: evaluation.description,
        row: (index) => evaluation.row(order[index]!),
        scorer(before) {
          const inner = evaluation.scorer(before && inside.get(before))
          const scorer: RowScorer = {
            add(row, preds, q) {
              inner.add(order[row]!, preds, q)
              waiting ??= setTimeout(() => write(inner), EVERY_MS)
            },
            arc: () => inner.arc(),
            finish() {
              write(inner)
              return inner.finish()
            },
          }
          inside.set(scorer, inner)
          return scorer
        },
      }
    },
  }
}
