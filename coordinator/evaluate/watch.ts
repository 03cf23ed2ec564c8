// A few rows of an evaluation whose answers are kept step by step, so that people can see how the network changes its mind.
import type { Question } from '../../shared/question.js'
import type { RowAnswers } from './answers.js'

/** Rows of digits, one a colour: ["012", "345"]. */
export type Picture = readonly string[]

/** Which rows of a set are watched, and what they and their answers look like. */
export interface Watch {
  readonly rows: readonly number[]
  about(row: number): WatchedQuestion
  /** @param preds u8 tokens [S0] in the frame of the row */
  picture(row: number, preds: Uint8Array): Picture
}

export interface WatchedQuestion {
  readonly task: string
  readonly pair: number
  readonly input: Picture
  /** null where it is not known. */
  readonly solution: Picture | null
}

export interface WatchedRow extends WatchedQuestion {
  readonly after: readonly {
    readonly step: number
    /** sigmoid(q_halt). */
    readonly confidence: number
    readonly grid: Picture
  }[]
}

/** Rows watched, at most. */
export const MOST_WATCHED = 24
/** After these supervision steps, and after the last one. */
export const WATCHED_STEPS: readonly number[] = [1, 2, 4, 16]

/** Up to MOST_WATCHED of a list, spread over it, in its order. */
export const spread = <T>(list: readonly T[]): T[] =>
  list.filter((_, i) => Math.floor((i * MOST_WATCHED) / list.length) !== Math.floor(((i - 1) * MOST_WATCHED) / list.length)) // prettier-ignore

/** The question with the steps that are watched; one about cycles stays as it is. */
export function watching(question: Question): Question {
  const { steps, cycles = false } = question
  if (cycles) return question
  const last = steps.at(-1) ?? 0
  const all = new Set([...steps, ...WATCHED_STEPS.filter((step) => step <= last)])
  return { ...question, steps: [...all].sort((a, b) => a - b) }
}

/** Keeps what is watched, drawn; the answers themselves are not held. */
export class WatchedRows {
  private readonly seen = new Map<number, WatchedRow>()
  private readonly wanted: ReadonlySet<number>

  constructor(private readonly watch: Watch) {
    this.wanted = new Set(watch.rows)
  }

  add(row: number, { after }: RowAnswers): void {
    if (!this.wanted.has(row)) return
    const last = after.at(-1)?.step
    const kept = after.filter(({ step }) => step === last || WATCHED_STEPS.includes(step))
    this.seen.set(row, {
      ...this.watch.about(row),
      after: kept.map(({ step, q, preds }) => ({
        step,
        confidence: 1 / (1 + Math.exp(-q)),
        grid: this.watch.picture(row, preds),
      })),
    })
  }

  /** In the order of the test set. */
  get all(): WatchedRow[] {
    return this.watch.rows.flatMap((row) => this.seen.get(row) ?? [])
  }
}
