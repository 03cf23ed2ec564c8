// What came of a reproduction, as a document in the folder of each of its runs: reproduction.json.
import { DataError, WireError } from '../../shared/errors.js'
import { count, list, number, oneOf, record, text, type Of, type Shape } from '../../shared/protocol/shape.js'

export const REPRODUCTION_FILE = 'reproduction.json'
const KIND = 'trmesh reproduction'

const orNull =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, path) =>
    value === null ? null : shape(value, path)

/** Shares 0..1, with their 95 % Wilson interval and trials. */
const measured = record({ value: number, low: number, high: number, trials: count })

const row = record({
  what: text(),
  /** In percent, as printed by whom. */
  reported: record({ figure: text(), what: text(), source: text(), grade: text() }),
  /** By a run that differs in nothing from the published one but its random numbers. */
  asPublished: orNull(measured),
  /** By any other. */
  otherwise: orNull(measured),
  /** What differs; empty where nothing does. */
  differs: list(text()),
  run: text(),
  step: count,
  /** Of the evaluation. */
  created: text(),
  data: text(),
  workers: text(),
})

const document = record({
  kind: oneOf(KIND),
  recipe: text(),
  title: text(),
  claim: text(),
  measure: text(),
  rows: list(row),
})

export type Reproduction = Omit<Of<typeof document>, 'kind'>
export type ReproductionRow = Reproduction['rows'][number]

export const reproductionText = (reproduction: Reproduction): string =>
  `${JSON.stringify({ kind: KIND, ...reproduction }, null, 2)}\n`

/** @throws DataError that names the file and the place in it */
export function parseReproduction(json: string, file: string): Reproduction {
  try {
    return document(JSON.parse(json) as unknown, 'reproduction')
  } catch (cause) {
    if (!(cause instanceof WireError || cause instanceof SyntaxError)) throw cause
    throw new DataError(`${file} is no reproduction: ${cause.message}`, 'run `trmesh reproduce` again', { cause })
  }
}
