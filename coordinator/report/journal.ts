// The run's journal: one JSON line per committed step and per evaluation, in RUN/journal.jsonl, so that curves can be drawn and
// runs compared bit by bit. After a resume a step may stand there twice; the later line is the one that counts.
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Step } from '../../shared/ids.js'
import type { EvaluationResult } from '../evaluate/result.js'
import { meansOf, type CommittedStep } from '../observer.js'
import { quietObserver } from '../quiet-observer.js'
import type { Observer } from '../observer.js'

export const JOURNAL_FILE = 'journal.jsonl'

export function journal(
  folder: string,
  slots: number,
  wallClock: () => string,
  onFailure: (error: unknown) => void,
): Observer {
  let broken = false
  const write = (line: object): void => {
    if (broken) return
    try {
      mkdirSync(folder, { recursive: true })
      appendFileSync(join(folder, JOURNAL_FILE), `${JSON.stringify(line)}\n`)
    } catch (error) {
      // A full disk must not stop training; say it once.
      broken = true
      onFailure(error)
    }
  }
  return {
    ...quietObserver,
    committed: ({ step, sums, workers, lr, gradientNorm }: CommittedStep) =>
      write({ step, time: wallClock(), workers, lr, gradientNorm, ...meansOf(sums, slots) }),
    evaluated: (step: Step, { score, accuracies, early }: EvaluationResult) =>
      write({
        ...{ evaluation: step, time: wallClock(), score, accuracies },
        ...(early === undefined ? {} : { early: { score: early.score, meanSteps: early.meanSteps } }),
      }),
  }
}
