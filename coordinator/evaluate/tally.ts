// The scores of one round: one of the full number of steps, and beside it one for each other step and for early halting, if
// they were asked for. All of them are fed by the same pass.
import type { Question } from '../../shared/question.js'
import type { RowAnswers } from './answers.js'
import type { EvaluationResult, EvaluationSet, Scorer } from './result.js'
import { WatchedRows } from './watch.js'

export class Tally {
  /** The last one is that of the full number of steps. */
  private readonly scorers: readonly { readonly step: number; readonly scorer: Scorer }[]
  private readonly early: { readonly scorer: Scorer; steps: number; rows: number } | undefined
  private readonly evaluations: number
  private readonly watched: WatchedRows | undefined

  /**
   * @param question what is asked of every row
   * @param before the tally of an earlier round of the same question whose votes count too
   */
  constructor(set: EvaluationSet, question: Question, before?: Tally) {
    this.scorers = question.steps.map((step, i) => ({ step, scorer: set.scorer(before?.scorers[i]?.scorer) }))
    this.early = question.early ? { scorer: set.scorer(before?.early?.scorer), steps: 0, rows: 0 } : undefined
    this.watched = set.watch && new WatchedRows(set.watch)
    this.evaluations = 1 + (before?.evaluations ?? 0)
  }

  /** A row may come with answers that are not scored: those after steps that are only watched. */
  add(row: number, answers: RowAnswers): void {
    this.watched?.add(row, answers)
    for (const { step, scorer } of this.scorers) {
      const answer = answers.after.find((candidate) => candidate.step === step)
      if (answer !== undefined) scorer.add(row, answer.preds, answer.q, step)
    }
    if (this.early === undefined || answers.early === undefined) return
    const { step, preds, q } = answers.early
    this.early.scorer.add(row, preds, q, step)
    this.early.steps += step
    this.early.rows++
  }

  finish(): EvaluationResult {
    const { early, evaluations } = this
    const after = this.scorers.map(({ step, scorer }) => ({ step, ...scorer.finish() }))
    const { step: fullSteps, ...full } = after.at(-1)!
    return {
      ...full,
      evaluations,
      ...(this.watched === undefined ? {} : { watched: this.watched.all }),
      ...(after.length > 1 ? { after } : {}),
      ...(early === undefined
        ? {}
        : { early: { ...early.scorer.finish(), meanSteps: early.scorer.meanSteps?.() ?? early.steps / Math.max(1, early.rows), fullSteps } }), // prettier-ignore
    }
  }
}
