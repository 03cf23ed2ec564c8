// The answers of a worker, row by row.
import { WireError } from '../../shared/errors.js'
import { floatsOf } from '../../shared/protocol/codec.js'
import type { WorkerMessage } from '../../shared/protocol/messages.js'
import { answerBytes, type Question } from '../../shared/question.js'

export interface RowAnswer {
  /** The supervision step it was read after. */
  readonly step: number
  /** u8 tokens [S0]. */
  readonly preds: Uint8Array
  /** Halting logit. */
  readonly q: number
}

export interface RowAnswers {
  /** One for each step asked for, ascending. */
  readonly after: readonly RowAnswer[]
  readonly early: RowAnswer | undefined
}

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
