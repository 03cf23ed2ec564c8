// The scores of one round: one of the full number of steps, and beside it one for each other step and for early halting, if
// they were asked for. All of them are fed by the same pass.
import { answerBytes, type Question } from '../../shared/question.js'
import { WireError } from '../../shared/errors.js'
import { floatsOf } from '../../shared/protocol/codec.js'
import type { WorkerMessage } from '../../shared/protocol/messages.js'
import type { EvaluationResult, EvaluationSet, RowAnswer, RowAnswers, Scorer } from './result.js'

type Answer = Extract<WorkerMessage, { type: 'evaluated' }>

/** The answers of each row of a unit. @throws WireError if there are more or fewer bytes than were asked for */
export function rowAnswers(
  { preds, q, halts }: Answer,
  rows: number,
  seqLen: number,
  question: Question,
): RowAnswers[] {
  const { steps, early } = question
  const bytes = preds.length + q.length + halts.length
  const expected = rows * (answerBytes(question, seqLen) - (early ? 0 : 2))
  if (bytes !== expected || q.length * seqLen !== preds.length * 4)
    throw new WireError(`answers of ${bytes} bytes, expected ${expected}`, 'run one version of trmesh everywhere')
  const logits = floatsOf(q)
  const at = (block: number, row: number, step: number): RowAnswer => {
    const place = block * rows + row
    return { step, preds: preds.subarray(place * seqLen, (place + 1) * seqLen), q: logits[place] as number }
  }
  return Array.from({ length: rows }, (_, row) => ({
    after: steps.map((step, block) => at(block, row, step)),
    early: early ? at(steps.length, row, halts[2 * row]! | (halts[2 * row + 1]! << 8)) : undefined,
  }))
}

export class Tally {
  /** The last one is that of the full number of steps. */
  private readonly scorers: readonly { readonly step: number; readonly scorer: Scorer }[]
  private readonly early: { readonly scorer: Scorer; steps: number; rows: number } | undefined
  private readonly evaluations: number

  /**
   * @param question what is asked of every row
   * @param before the tally of an earlier round of the same question whose votes count too
   */
  constructor(set: EvaluationSet, question: Question, before?: Tally) {
    this.scorers = question.steps.map((step, i) => ({ step, scorer: set.scorer(before?.scorers[i]?.scorer) }))
    this.early = question.early ? { scorer: set.scorer(before?.early?.scorer), steps: 0, rows: 0 } : undefined
    this.evaluations = 1 + (before?.evaluations ?? 0)
  }

  /** A row may come with answers that are not scored: those after other steps. */
  add(row: number, answers: RowAnswers): void {
    for (const { step, scorer } of this.scorers) {
      const answer = answers.after.find((candidate) => candidate.step === step)
      if (answer !== undefined) scorer.add(row, answer.preds, answer.q)
    }
    if (this.early === undefined || answers.early === undefined) return
    const { step, preds, q } = answers.early
    this.early.scorer.add(row, preds, q)
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
      ...(after.length > 1 ? { after } : {}),
      ...(early === undefined
        ? {}
        : { early: { ...early.scorer.finish(), meanSteps: early.steps / Math.max(1, early.rows), fullSteps } }),
    }
  }
}
