// TRM beside language models, as a document (baseline.json): what was measured of each on one device in one run, and what is
// only modelled from it. Pure: made from the sums of measurements, read back by shape.
import { boolean, count, list, number, oneOf, record, text, type Of, type Shape } from '../protocol/shape.js'
import { MODELLED, SUBJECTS } from './subject.js'

/** Every name a row may have; label values of metrics. `trm-voted`: the votes of a whole evaluation, modelled from one pass. */
export const ROW_NAMES = [...SUBJECTS, ...MODELLED, 'trm-voted'] as const
export type RowName = (typeof ROW_NAMES)[number]

const orNull =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, path) =>
    value === null || value === undefined ? null : shape(value, path)

const row = record({
  subject: oneOf(...ROW_NAMES),
  kind: oneOf('measured', 'modelled'),
  /** For people: what it is. */
  title: text(),
  parameters: count,
  /** Layers are computed a second time in backward, to save memory. */
  recompute: boolean,
  /** Training. A token of TRM is a position of the grid. */
  samplesPerSecond: orNull(number),
  trainTokensPerSecond: orNull(number),
  /** Modelled FLOPs of training over measured time. */
  trainFlopsPerSecond: orNull(number),
  trainJoulesPerSample: orNull(number),
  /** Answering one test input of the mean length, prompt included. */
  answerSeconds: orNull(number),
  /** Generated after the prompt; null of TRM, which answers all positions at once. */
  tokensPerSecond: orNull(number),
  answerJoules: orNull(number),
  /** Largest resident size of the worker's process meanwhile, and before it. */
  peakBytes: orNull(number),
  restBytes: orNull(number),
  /** Of all test inputs of a task, in the unit of the price; null without a price. */
  taskCost: orNull(number),
  /** What to mind. */
  note: text(),
})
export type ComparisonRow = Of<typeof row>

const document = record({
  kind: oneOf('trmesh baseline'),
  format: count,
  created: text(),
  machine: text(),
  backend: text(),
  device: text(),
  /** Processes that wanted a core before, mean of a minute: above 0 on a busy machine. */
  load: number,
  energy: text(),
  pricePerHour: orNull(number),
  samples: record({
    data: text(),
    /** Trained on together. */
    batch: count,
    tokens: number,
    promptTokens: number,
    answerTokens: number,
    /** Test inputs per task of the data, mean. */
    testsPerTask: number,
    context: count,
    /** Test pairs of the data whose text is longer. */
    tooLong: count,
  }),
  rows: list(row, 64),
  skipped: list(record({ subject: text(), why: text() }), 64),
})
export type Comparison = Of<typeof document>

/** @throws WireError naming the field */
export const parseComparison = (value: unknown): Comparison => document(value, 'baseline.json')

/** TRM's figure over another's, or the reverse; null if one is missing. */
export const ratioOf = (a: number | null, b: number | null): number | null =>
  a === null || b === null || b === 0 ? null : a / b
