// The published CSV files of Sudoku-Extreme and Maze-Hard: four columns by position, source, question, answer, rating. Source: spec 4.3, 4.4.
import { createReadStream, existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { DataError } from '../../shared/errors.js'
import { Sha256 } from '../../shared/hash.js'
import { mazeToken, MAZE_SIDE } from '../../shared/puzzles/maze.js'
import { SUDOKU_SIDE } from '../../shared/puzzles/sudoku.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { isBoardSet } from './board-sets.js'

/** Boards as bytes, side * side each: digits of a Sudoku, tokens of a maze. */
export interface BoardList {
  readonly count: number
  readonly questions: Uint8Array
  readonly answers: Uint8Array
  /** How hard each is; NaN where nobody says. */
  readonly ratings: readonly number[]
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

/** Boards side by side in memory that grows: half a million small arrays would take many times as much. */
class Cells {
  private cells = new Uint8Array(0)

  constructor(private readonly size: number) {}

  /** The cells of a board, to be read or written before another is asked for. */
  board(at: number): Uint8Array {
    const end = (at + 1) * this.size
    if (end > this.cells.length) {
      const more = new Uint8Array(Math.max(end, 2 * this.cells.length))
      more.set(this.cells)
      this.cells = more
    }
    return this.cells.subarray(at * this.size, end)
  }

  first(count: number): Uint8Array {
    return this.cells.slice(0, count * this.size)
  }
}

/** Which puzzles of a file are kept. */
export interface Kept {
  /** Rating, at least; default 0: all. */
  readonly minDifficulty?: number
  /** So many of a larger file, in the order in which the official build draws them with NumPy seeded so; default: all. */
  readonly subsample?: number
  readonly seed?: number
}

export interface ReadBoards extends BoardList {
  /** Of the file. */
  readonly sha256: string
}

/** A file line by line, from 1, without the header and empty lines; `hash` is fed with its bytes. */
async function* rowsOf(path: string, hash?: Sha256): AsyncGenerator<readonly [line: string, number: number]> {
  const file = createReadStream(path)
  if (hash !== undefined) file.on('data', (bytes) => hash.update(bytes))
  let number = 0
  let header = true
  for await (const line of createInterface({ input: file, crlfDelay: Infinity })) {
    number++
    if (line === '') continue
    if (!header) yield [line, number]
    header = false
  }
}

const ratingIn = (line: string): number => {
  const text = fields(line)[3]?.trim() ?? ''
  return text === '' ? NaN : Number(text)
}

/** Whether it is as hard as asked for; a line without a rating is, where nothing is asked for. */
const isHardEnough = (line: string, least: number): boolean => least === 0 || ratingIn(line) >= least

/** Place in the sample of every row of it, by number among the rows that are hard enough; the file is counted, never held. */
async function sampled(
  path: string,
  size: number,
  seed: number,
  least: number,
): Promise<Map<number, number> | undefined> {
  let rows = 0
  for await (const [line] of rowsOf(path)) if (isHardEnough(line, least)) rows++
  if (rows <= size) return undefined
  return new Map(
    new Mt19937(seed)
      .permutation(rows)
      .slice(0, size)
      .map((row, place) => [row, place]),
  )
}

/**
 * Reads FOLDER/SPLIT.csv.
 * @throws DataError that names file and line
 */
export async function readBoards(
  folder: string,
  split: 'train' | 'test',
  kind: keyof typeof FORMATS,
  { minDifficulty = 0, subsample = Infinity, seed = 0 }: Kept = {},
): Promise<ReadBoards> {
  const path = join(folder, `${split}.csv`)
  if (!existsSync(path)) throw missing(path, folder)
  const { side, names, cell, answers: fits }: Format = FORMATS[kind]
  const size = side * side
  /** Writes a board of a line as one of `into`. */
  const place = (text: string, where: string, into: Cells, at: number): void => {
    if (text.length !== size)
      throw new DataError(`${where} has ${text.length} cells, not ${size}`, `correct the line: ${side} x ${side} cells`)
    const cells = into.board(at)
    for (let i = 0; i < size; i++) {
      const value = cell(text.charAt(i))
      if (value === undefined) throw new DataError(`${where} has the cell "${text.charAt(i)}"`, `cells are ${names}`)
      cells[i] = value
    }
  }
  const places = subsample === Infinity ? undefined : await sampled(path, subsample, seed, minDifficulty)
  const [questions, answers] = [new Cells(size), new Cells(size)]
  const ratings: number[] = []
  const hash = new Sha256()
  let row = -1
  for await (const [line, number] of rowsOf(path, hash)) {
    if (!isHardEnough(line, minDifficulty)) continue
    row++
    const at = places === undefined ? row : places.get(row)
    if (at === undefined) continue
    const [, question = '', answer = ''] = fields(line)
    const where = `${path} line ${number}`
    place(question, `${where}: the question`, questions, at)
    place(answer, `${where}: the answer`, answers, at)
    const answered = answers.board(at)
    if (!questions.board(at).every((value, i) => fits(value, answered[i] as number)))
      throw new DataError(`${where}: the answer does not fit the question`, 'correct or remove the line')
    ratings[at] = ratingIn(line)
  }
  const count = ratings.length
  if (count === 0)
    throw minDifficulty > 0
      ? new DataError(
          `${path} has no puzzles with a rating of ${minDifficulty} or more`,
          'set data.minDifficulty lower',
        )
      : new DataError(`${path} has no puzzles`, 'the first line is a header, puzzles follow')
  return { count, questions: questions.first(count), answers: answers.first(count), ratings, sha256: hash.hex() }
}

/** What to do where a file is not there; a data set known by name can be fetched. */
function missing(path: string, folder: string): DataError {
  const name = basename(folder)
  const fetched = isBoardSet(name) ? `fetch it with: trmesh data ${name}; or ` : ''
  return new DataError(
    `there is no ${path}`,
    `${fetched}give a folder with train.csv and test.csv of columns source, question, answer, rating (--data FOLDER); or --data generated`,
  )
}
