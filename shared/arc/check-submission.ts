// Reads an answer sheet of ARC Prize as its judge would: names everything that is wrong with it, and scores what can be read.
// The form: {"task": [{"attempt_1": grid, "attempt_2": grid}, one per test input], ...} with every task of the set.
import { DataError } from '../errors.js'
import { sameGrid, type Grid } from './grid.js'
import { keysInOrder } from './json-keys.js'
import { parseGrid } from './task.js'

/** A task that a sheet must answer. */
export interface AskedTask {
  readonly task: string
  /** One per test input, in order; undefined where the answer is not known. */
  readonly solutions: readonly (Grid | undefined)[]
}

export interface SheetScore {
  /** Mean over tasks of the share of their test inputs that one of the two attempts solves; 0..1. */
  readonly score: number
  readonly tasks: number
  readonly solved: number
  /** Test inputs whose answer is known. */
  readonly inputs: number
}

export interface SheetCheck {
  /** In words, one per fault; empty if the sheet is as it must be. */
  readonly problems: readonly string[]
  /** undefined where no answer is known, or nothing could be read. */
  readonly score: SheetScore | undefined
}

const ATTEMPTS = ['attempt_1', 'attempt_2'] as const

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`

/** @param text of the file */
export function checkSubmission(text: string, asked: readonly AskedTask[]): SheetCheck {
  let sheet: unknown
  try {
    sheet = JSON.parse(text)
  } catch (error) {
    return { problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`], score: undefined }
  }
  if (!isRecord(sheet)) return { problems: [`not an object of tasks but ${kindOf(sheet)}`], score: undefined }
  const problems: string[] = []
  const keys = keysInOrder(text)
  const known = new Set(asked.map(({ task }) => task))
  const seen = new Set<string>()
  for (const key of keys) {
    if (seen.has(key)) problems.push(`task ${key} stands there twice`)
    seen.add(key)
    if (!known.has(key)) problems.push(`task ${key} is not one of the ${asked.length} tasks of the set`)
  }
  const shares: number[] = []
  let [solved, inputs] = [0, 0]
  for (const { task, solutions } of asked) {
    const answers = answersOf(task, sheet, solutions.length, problems)
    const judged = solutions.flatMap((solution, i) =>
      solution === undefined ? [] : [(answers[i] ?? []).some((grid) => sameGrid(grid, solution))],
    )
    if (judged.length === 0) continue
    const hits = judged.filter((hit) => hit).length
    shares.push(hits / judged.length)
    solved += hits
    inputs += judged.length
  }
  const sum = shares.reduce((total, share) => total + share, 0)
  const score = { score: sum / shares.length, tasks: shares.length, solved, inputs }
  return { problems, score: shares.length === 0 ? undefined : score }
}

/** The readable attempts at every test input. Faults go to `problems`. */
function answersOf(task: string, sheet: Record<string, unknown>, inputs: number, problems: string[]): Grid[][] {
  if (!Object.hasOwn(sheet, task)) {
    problems.push(`task ${task} is missing`)
    return []
  }
  const list: unknown = sheet[task]
  if (!Array.isArray(list)) {
    problems.push(`task ${task} is not a list of answers but ${kindOf(list)}`)
    return []
  }
  if (list.length !== inputs) problems.push(`task ${task} has ${list.length} answers for ${inputs} test inputs`)
  return list.map((answer: unknown, i) => {
    const where = `task ${task} test input ${i + 1}`
    if (!isRecord(answer)) {
      problems.push(`${where} is not an object with two attempts but ${kindOf(answer)}`)
      return []
    }
    for (const key of Object.keys(answer))
      if (key !== ATTEMPTS[0] && key !== ATTEMPTS[1]) problems.push(`${where} has "${key}", which nobody asks for`)
    return ATTEMPTS.flatMap((attempt) => {
      if (!Object.hasOwn(answer, attempt)) {
        problems.push(`${where} has no ${attempt}`)
        return []
      }
      try {
        return [parseGrid(answer[attempt], `${where} ${attempt}`)]
      } catch (error) {
        if (!(error instanceof DataError)) throw error
        problems.push(error.message)
        return []
      }
    })
  })
}
