// A comparison with every figure there, for tests of what shows one.
import type { Comparison, ComparisonRow } from '../../shared/language/comparison.js'

const row = (subject: ComparisonRow['subject'], figures: Partial<ComparisonRow>): ComparisonRow => ({
  subject,
  kind: 'measured',
  title: `title of ${subject}`,
  parameters: 1_000_000,
  recompute: false,
  samplesPerSecond: 2,
  trainTokensPerSecond: 200,
  trainFlopsPerSecond: 1e9,
  trainJoulesPerSample: 5,
  answerSeconds: 0.5,
  tokensPerSecond: 50,
  answerJoules: 3,
  peakBytes: 2 ** 30,
  restBytes: 2 ** 29,
  taskCost: 0.001,
  note: '',
  ...figures,
})

export const COMPARISON: Comparison = {
  kind: 'trmesh baseline',
  format: 1,
  created: '2026-11-24T12:00:00.000Z',
  machine: 'a machine',
  backend: 'wasm',
  device: 'CPU',
  load: 0.5,
  energy: 'a counter',
  pricePerHour: 1,
  samples: {
    ...{ data: 'tasks', batch: 2, tokens: 100, promptTokens: 80, answerTokens: 20, testsPerTask: 1.5, context: 4096 },
    tooLong: 3,
  },
  rows: [
    row('trm', { tokensPerSecond: null }),
    row('llm-15m-full', { samplesPerSecond: 1, answerSeconds: 2 }),
    row('llm-8b-full', { kind: 'modelled', answerJoules: null, samplesPerSecond: 0.01, answerSeconds: 100 }),
  ],
  skipped: [{ subject: 'llm-1b-full', why: 'needs 20 GiB' }],
}
