// The published CSV files of Sudoku-Extreme and Maze-Hard: four columns by position, source, question, answer, rating. Source: spec 4.3, 4.4.
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DataError } from '../../shared/errors.js'
import { mazeToken, MAZE_SIDE } from '../../shared/puzzles/maze.js'
import { SUDOKU_SIDE } from '../../shared/puzzles/sudoku.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'

/** Boards as bytes, side * side each: digits of a Sudoku, tokens of a maze. */
export interface BoardList {
  readonly count: number
  readonly questions: Uint8Array
  readonly answers: Uint8Array
}

interface Format {
  readonly side: number
  readonly names: string
  readonly cell: (character: string) => number | undefined
  /** Whether a cell of an answer may stand under that of its question. */
  readonly answers: (question: number, answer: number) => boolean
}

export const FORMATS = {
  sudoku: {
    side: SUDOKU_SIDE,
    names: 'digits 1 to 9 and . (or 0) for empty',
    cell: (c) => (c === '.' || c === '0' ? 0 : c >= '1' && c <= '9' ? Number(c) : undefined),
    answers: (question, answer) => answer !== 0 && (question === 0 || question === answer),
  },
  maze: {
    side: MAZE_SIDE,
    names: '"#", " ", "S", "G" and "o"',
    cell: mazeToken,
    answers: (question, answer) => question === answer || (question === 2 && answer === 5),
  },
} as const satisfies Record<string, Format>

/** Fields of a CSV line; a field may stand in double quotes. */
function fields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}

/** Which puzzles of a file are kept: the first so many, or a random sample. */
export type Kept = { readonly first: number } | { readonly sample: number; readonly seed: number }

const lines = (path: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(path), crlfDelay: Infinity })

/** Rows of a random sample, by number; the whole file is counted but never held. */
async function sampled(path: string, size: number, seed: number): Promise<Set<number> | undefined> {
  let rows = -1
  for await (const line of lines(path)) if (line !== '') rows++
  return rows <= size ? undefined : new Set(new Mt19937(seed).permutation(rows).slice(0, size))
}

/**
 * Reads FOLDER/SPLIT.csv.
 * @throws DataError that names file and line
 */
export async function readBoards(
  folder: string,
  split: 'train' | 'test',
  kind: keyof typeof FORMATS,
  kept: Kept = { first: Infinity },
): Promise<BoardList> {
  const path = join(folder, `${split}.csv`)
  if (!existsSync(path))
    throw new DataError(
      `there is no ${path}`,
      `give a folder with train.csv and test.csv of columns source, question, answer, rating; or --data generated`,
    )
  const { side, names, cell, answers: fits }: Format = FORMATS[kind]
  const size = side * side
  const questions: Uint8Array[] = []
  const answers: Uint8Array[] = []
  const wanted = 'sample' in kept ? await sampled(path, kept.sample, kept.seed) : undefined
  const most = 'first' in kept ? kept.first : Infinity
  let number = 0
  let row = -2
  for await (const line of lines(path)) {
    number++
    if (line !== '') row++
    if (row < 0 || line === '' || wanted?.has(row) === false) continue
    const [, question = '', answer = ''] = fields(line)
    const board = (text: string, what: string): Uint8Array => {
      const where = `${path} line ${number}: the ${what}`
      if (text.length !== size)
        throw new DataError(
          `${where} has ${text.length} cells, not ${size}`,
          `correct the line: ${side} x ${side} cells`,
        )
      return Uint8Array.from(text, (character) => {
        const value = cell(character)
        if (value === undefined) throw new DataError(`${where} has the cell "${character}"`, `cells are ${names}`)
        return value
      })
    }
    const [asked, answered] = [board(question, 'question'), board(answer, 'answer')]
    if (!asked.every((value, i) => fits(value, answered[i] as number)))
      throw new DataError(`${path} line ${number}: the answer does not fit the question`, 'correct or remove the line')
    questions.push(asked)
    answers.push(answered)
    if (questions.length === most) break
  }
  if (questions.length === 0)
    throw new DataError(`${path} has no puzzles`, 'the first line is a header, puzzles follow')
  return { count: questions.length, questions: Buffer.concat(questions), answers: Buffer.concat(answers) }
}
