// The answer sheet of a whole competition file while answers still come in: first one that says nothing but is valid, then
// better ones. An answer replaces another if at least as many votes stand behind it, so a restart never makes it worse.
import { keysInOrder } from './json-keys.js'

type Rows = readonly (readonly number[])[]

export interface Answer {
  readonly attempt_1: Rows
  readonly attempt_2: Rows
  readonly votes: number
}

/** By task, one per test input; null where nothing was predicted yet. */
export type Answers = ReadonlyMap<string, readonly (Answer | null)[]>

/** A single black cell. */
const NOTHING: Rows = [[0]]

/**
 * An empty answer for every test input of every task, in the order of the file. It does not look into the grids: whatever is
 * wrong with a task, its line on the sheet must be there.
 * @param text of challenges.json; throws SyntaxError, or TypeError if it is no object
 */
export function noAnswers(text: string): Answers {
  const tasks: unknown = JSON.parse(text)
  if (typeof tasks !== 'object' || tasks === null || Array.isArray(tasks)) throw new TypeError('not an object of tasks')
  return new Map(
    keysInOrder(text).map((key) => {
      const task = (tasks as Record<string, unknown>)[key] as { test?: unknown } | null | undefined
      const inputs: readonly unknown[] = Array.isArray(task?.test) ? task.test : []
      return [key, inputs.map(() => null)]
    }),
  )
}

/** `sheet` with what is better in `found`; tasks and inputs that it does not ask for are left out. */
export const merged = (sheet: Answers, found: Answers): Answers =>
  new Map(
    [...sheet].map(([task, before]) => {
      const fresh = found.get(task) ?? []
      return [task, before.map((answer, i) => better(answer, fresh[i] ?? null))]
    }),
  )

const better = (before: Answer | null, fresh: Answer | null): Answer | null =>
  fresh === null || fresh.votes < (before?.votes ?? 0) ? before : fresh

/** Test inputs, and how many of them have an answer. */
export function counted(sheet: Answers): {
  readonly inputs: number
  readonly answered: number
  readonly votes: number
} {
  const all = [...sheet.values()].flat()
  const given = all.filter((answer) => answer !== null)
  return { inputs: all.length, answered: given.length, votes: given.reduce((sum, { votes }) => sum + votes, 0) }
}

/** As ARC Prize asks for it. Built by hand: an object would put names that look like numbers first. */
export function sheetText(sheet: Answers): string {
  const lines = [...sheet].map(([task, answers]) => {
    const list = answers.map((answer) => ({
      attempt_1: answer?.attempt_1 ?? NOTHING,
      attempt_2: answer?.attempt_2 ?? NOTHING,
    }))
    return `${JSON.stringify(task)}: ${JSON.stringify(list)}`
  })
  return `{${lines.join(',\n')}}\n`
}

const KIND = 'trmesh answers'

/** For the file in which one process hands answers to another. */
export const answersText = (answers: Answers): string => JSON.stringify({ kind: KIND, tasks: [...answers] })

/** undefined if it is not such a text. Our own process wrote it: what it holds is not questioned further. */
export function parseAnswers(text: string): Answers | undefined {
  try {
    const { kind, tasks } = JSON.parse(text) as { kind?: unknown; tasks?: unknown }
    return kind === KIND && Array.isArray(tasks) ? new Map(tasks as [string, (Answer | null)[]][]) : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}
