// An ARC task: a few pairs of grids, some to learn from, some to be solved. Reads parsed JSON strictly.
import { DataError } from '../errors.js'
import { COLOURS, LARGEST_GRID, type Grid } from './grid.js'

export type Split = 'train' | 'test'

export interface Pair {
  readonly split: Split
  readonly input: Grid
  /** Absent where the solution of a test pair is not known. */
  readonly output: Grid | undefined
}

export interface Task {
  readonly name: string
  /** In the order of the file: it decides the order of examples in the official build (spec 4.2). */
  readonly pairs: readonly Pair[]
}

/** Rows or columns of the largest grid of a task, 1..30. */
export const extent = (task: Task): number =>
  Math.max(
    ...task.pairs.map(({ input, output }) =>
      Math.max(input.rows, input.cols, output === undefined ? 1 : Math.max(output.rows, output.cols)),
    ),
  )

const REMEDY =
  'correct the file or take it out of the folder; the form is {"train": [{"input": grid, "output": grid}, ...], "test": [...]}, a grid being a list of rows of colours 0 to 9'

/** Not what is inside a list or an object: it may be endless. */
const show = (value: unknown): string => {
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? `a list of ${value.length}` : 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value)
  return text.length > 40 ? `${text.slice(0, 40)}...` : text
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws DataError naming the place: `where` says file, task and pair. */
export function parseGrid(value: unknown, where: string): Grid {
  if (!Array.isArray(value)) throw new DataError(`${where} is not a list of rows: ${show(value)}`, REMEDY)
  const rows: unknown[] = value
  if (rows.length === 0) throw new DataError(`${where} has no rows`, REMEDY)
  if (rows.length > LARGEST_GRID)
    throw new DataError(`${where} has ${rows.length} rows, more than ${LARGEST_GRID}`, REMEDY)
  const cols = Array.isArray(rows[0]) ? rows[0].length : 0
  const cells = new Uint8Array(rows.length * cols)
  rows.forEach((row, r) => {
    if (!Array.isArray(row)) throw new DataError(`${where} row ${r + 1} is not a list: ${show(row)}`, REMEDY)
    const line: unknown[] = row
    if (line.length === 0) throw new DataError(`${where} row ${r + 1} is empty`, REMEDY)
    if (line.length > LARGEST_GRID)
      throw new DataError(`${where} row ${r + 1} has ${line.length} columns, more than ${LARGEST_GRID}`, REMEDY)
    if (line.length !== cols)
      throw new DataError(`${where} row ${r + 1} has ${line.length} columns where row 1 has ${cols}`, REMEDY)
    line.forEach((cell, c) => {
      if (typeof cell !== 'number' || !Number.isInteger(cell) || cell < 0 || cell >= COLOURS)
        throw new DataError(`${where} row ${r + 1} column ${c + 1} is ${show(cell)}, not a colour 0 to 9`, REMEDY)
      cells[r * cols + c] = cell
    })
  })
  return { rows: rows.length, cols, cells }
}

/**
 * One task from parsed JSON.
 * @param file path for messages
 * @param solutions outputs of the test pairs from a separate file, where the task's file has none
 * @throws DataError naming file, task, pair and row
 */
export function parseTask(file: string, name: string, value: unknown, solutions?: unknown): Task {
  const where = `${file}: task ${name}`
  if (name === '' || name.includes('|||'))
    throw new DataError(`${file}: "${name}" cannot be the name of a task`, 'a name is not empty and has no ||| in it')
  if (!isRecord(value)) throw new DataError(`${where} is not an object: ${show(value)}`, REMEDY)
  if (solutions !== undefined && !Array.isArray(solutions))
    throw new DataError(`${where}: its solutions are not a list of grids: ${show(solutions)}`, REMEDY)
  const pairs: Pair[] = []
  for (const [split, list] of Object.entries(value)) {
    if (split !== 'train' && split !== 'test') continue
    if (!Array.isArray(list)) throw new DataError(`${where}: "${split}" is not a list of pairs: ${show(list)}`, REMEDY)
    const known: unknown[] = split === 'test' ? (solutions ?? []) : []
    if (known.length > 0 && known.length !== list.length)
      throw new DataError(`${where} has ${list.length} test pairs but ${known.length} solutions`, REMEDY)
    list.forEach((pair: unknown, i) => {
      const place = `${where}, ${split} pair ${i + 1}`
      if (!isRecord(pair)) throw new DataError(`${place} is not an object: ${show(pair)}`, REMEDY)
      const output = pair['output'] ?? known[i]
      if (output === undefined && split === 'train') throw new DataError(`${place} has no output`, REMEDY)
      pairs.push({
        split,
        input: parseGrid(pair['input'], `${place}, input`),
        output: output === undefined || output === null ? undefined : parseGrid(output, `${place}, output`),
      })
    })
  }
  for (const split of ['train', 'test'] as const)
    if (!pairs.some((pair) => pair.split === split)) throw new DataError(`${where} has no ${split} pairs`, REMEDY)
  return { name, pairs }
}
