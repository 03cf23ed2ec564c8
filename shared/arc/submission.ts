// The answer sheet of ARC Prize: for every test pair of every task two attempts.
import { rowsOf } from './grid.js'
import type { ArcScore, PairScore } from './vote.js'

type Rows = number[][]
export interface Attempts {
  readonly attempt_1: Rows
  readonly attempt_2: Rows
}
export type Submission = Record<string, Attempts[]>

const attempts = ({ candidates }: PairScore): Attempts | undefined => {
  const [first, second = first] = candidates
  return first === undefined || second === undefined
    ? undefined
    : { attempt_1: rowsOf(first.grid), attempt_2: rowsOf(second.grid) }
}

/** A task of the answer sheet. */
export interface SheetTask {
  readonly task: string
  /** Its test inputs. */
  readonly inputs: number
}

/**
 * What ARC Prize asks for: always two attempts for every test input of every task, in order; where nothing was predicted,
 * a single black cell.
 * @param tasks all tasks of the sheet, also those that were not evaluated; without it, those that were
 */
export function submission(score: ArcScore, tasks?: readonly SheetTask[]): Submission {
  const nothing: Rows = [[0]]
  const whole = (rows: Rows): Rows => (rows.length === 0 ? nothing : rows)
  const sheet: Submission = {}
  for (const { task, inputs } of tasks ?? [])
    sheet[task] = Array.from({ length: inputs }, () => ({ attempt_1: nothing, attempt_2: nothing }))
  for (const pair of score.pairs) {
    const { attempt_1: first, attempt_2: second } = attempts(pair) ?? { attempt_1: [], attempt_2: [] }
    ;(sheet[pair.task] ??= [])[pair.pair] = { attempt_1: whole(first), attempt_2: whole(second) }
  }
  return sheet
}

/** As the official code writes it (spec 5.2): pairs without predictions are skipped, an empty grid is []. */
export function officialSubmission(score: ArcScore): Submission {
  const sheet: Submission = {}
  for (const pair of score.pairs) {
    const made = attempts(pair)
    const list = (sheet[pair.task] ??= [])
    if (made !== undefined) list.push(made)
  }
  return sheet
}

/** JSON text with ", " and ": ", as Python's json.dumps writes plain data. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, inner]) => `${JSON.stringify(key)}: ${pythonJson(inner)}`)
      .join(', ')}}`
  return JSON.stringify(value)
}
