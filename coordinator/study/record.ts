// One study as a document, study.json: the question, what was measured, what others reported, and all that a reader must know
// of how. The terminal, the CSV, the pictures and the HTML report are made from it alone.
import { DataError, WireError } from '../../shared/errors.js'
import { count, list, number, oneOf, record, text, type Of, type Shape } from '../../shared/protocol/shape.js'

const KIND = 'trmesh study'

const orNull =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, path) =>
    value === null || value === undefined ? null : shape(value, path)

/** `points`: differences of shares. */
export const UNITS = ['share', 'points', 'per second', 'bytes', 'number'] as const
export type Unit = (typeof UNITS)[number]

const measured = record({
  value: number,
  /** Ends of the 95 % interval; null where none is told. */
  low: orNull(number),
  high: orNull(number),
})
/** A number that was measured here. */
export type Measured = Readonly<Of<typeof measured>>

const reported = record({
  /** As printed by its source. */
  figure: text(),
  /** Who reported it, and where it was read. */
  by: text(),
  grade: oneOf('P', 'S', 'D'),
  /** What to mind before comparing. */
  mind: text(),
})
/** A number of somebody else. */
export type Reported = Readonly<Of<typeof reported>>

const table = record({
  title: text(),
  /** Of the measured columns. `interval`: how the ends were found, '' without. */
  columns: list(record({ title: text(), unit: oneOf(...UNITS), interval: text() })),
  rows: list(record({ what: text(), measured: list(orNull(measured)), reported: list(reported) })),
})
export type StudyTable = Readonly<Of<typeof table>>

const picture = record({
  title: text(),
  /** What the places along the axis are. */
  along: text(),
  kind: oneOf('line', 'bars'),
  unit: oneOf(...UNITS),
  scale: oneOf('linear', 'log'),
  labels: list(text()),
  /** Measured here; a point for every label. */
  series: list(record({ name: text(), points: list(orNull(measured)) })),
  /** Levels that others reported, drawn only where the test set is theirs. */
  reported: list(record({ name: text(), value: number })),
})
export type StudyPicture = Readonly<Of<typeof picture>>

const findings = record({
  /** What was asked of the network, in words. */
  asked: text(),
  tables: list(table),
  pictures: list(picture),
  notes: list(text()),
})
/** What a study found, without where and when. */
export type Findings = Readonly<Of<typeof findings>>

const document = record({
  kind: oneOf(KIND),
  format: count,
  study: text(64),
  question: text(),
  run: text(),
  step: count,
  checkpoint: text(),
  created: text(),
  seconds: number,
  /** Of whoever asked. */
  machine: text(),
  /** Load average of that machine when the study began: figures of a busy machine are lower. */
  load: number,
  workers: list(record({ label: text(), backend: text(), device: text(), precision: text() })),
  data: record({ source: text(), description: text(), hash: text() }),
  seed: count,
  findings,
})
export type StudyRecord = Readonly<Of<typeof document>>

/** What the findings do not say of themselves. */
export type StudyFacts = Omit<StudyRecord, 'kind' | 'format' | 'findings'>

export const studyRecord = (facts: StudyFacts, found: Findings): StudyRecord => ({
  kind: KIND,
  format: 1,
  ...facts,
  findings: found,
})

export const recordText = (study: StudyRecord): string => `${JSON.stringify(study, null, 1)}\n`

/** @param source the file's name, for messages @throws DataError */
export function parseStudy(json: string, source: string): StudyRecord {
  const remedy = 'remove it, or make the study again'
  try {
    return document(JSON.parse(json), 'study')
  } catch (error) {
    if (error instanceof WireError) throw new DataError(`${source}: ${error.message}`, remedy)
    if (error instanceof SyntaxError) throw new DataError(`${source} is not JSON: ${error.message}`, remedy)
    throw error
  }
}
