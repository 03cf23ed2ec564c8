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

/** Some megabytes. */
const MOST_WAITING = 20_000

export function journal(
  folder: string,
  slots: number,
  wallClock: () => string,
  onFailure: (error: unknown) => void,
): Observer {
  /** Lines that could not be written yet. */
  const waiting: string[] = []
  let broken = false
  const write = (line: object): void => {
    waiting.push(`${JSON.stringify(line)}\n`)
    if (waiting.length > MOST_WAITING) waiting.shift()
    try {
      mkdirSync(folder, { recursive: true })
      // What was written last may have been torn: the next begins on a line of its own.
      appendFileSync(join(folder, JOURNAL_FILE), `${broken ? '\n' : ''}${waiting.join('')}`)
      waiting.length = 0
      broken = false
    } catch (error) {
      // A full disk must not stop training, and may have room again; say it once.
      if (!broken) onFailure(error)
      broken = true
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
