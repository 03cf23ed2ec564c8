// A comparison as lines for the terminal: every figure with what it is, and TRM's ratio to it.
import Table from 'cli-table3'
import { ratioOf, type Comparison, type ComparisonRow } from '../../shared/language/comparison.js'

const shown = (value: number | null, unit = '', digits = 3): string =>
  value === null ? '-' : `${value.toLocaleString('en', { maximumSignificantDigits: digits })}${unit}`
const gib = (bytes: number | null): string => shown(bytes === null ? null : bytes / 2 ** 30, ' GiB')

export function comparisonTable(comparison: Comparison): string[] {
  const { rows, samples, skipped, pricePerHour, energy } = comparison
  const table = new Table({
    head: [
      '',
      'weights',
      'samples/s',
      'x',
      'tokens/s',
      's/answer',
      'x',
      'gen tok/s',
      'J/answer',
      'memory',
      'cost/task',
    ],
    style: { head: [], border: [], compact: true },
  })
  const trm = rows.find(({ subject }) => subject === 'trm')
  for (const row of rows) table.push(cells(row, trm))
  return [
    table.toString(),
    `measured here: ${comparison.machine}; backend ${comparison.backend} (${comparison.device}); load ${comparison.load.toFixed(1)} before` +
      `${comparison.load > 1 ? ': busy, trust the ratios more than the times' : ''}`,
    `samples: ${samples.data}; batch ${samples.batch}; ${Math.round(samples.tokens)} tokens of text a sample, ` +
      `${Math.round(samples.answerTokens)} of them generated; ${samples.testsPerTask.toFixed(2)} test inputs a task`,
    'A sample of TRM is one supervision step of one grid, its tokens are positions; a sample of an LLM is one text, one forward and backward.',
    'Columns x: how often TRM does it in the time of the other. Language models: pre-norm, RoPE, SwiGLU, tied embedding, 32,000 tokens, f32, random weights: their answers are worthless, their speed is not.',
    `Rows marked ~ are modelled, not measured. Joules: ${energy}. ` +
      (pricePerHour === null ? 'Costs need --price-per-hour.' : `Cost: at ${pricePerHour} an hour for the device.`),
    ...rows.filter(({ note }) => note !== '').map(({ title, note }) => `${title}: ${note}.`),
    ...skipped.map(({ subject, why }) => `${subject} was left out: ${why}.`),
  ]
}

function cells(row: ComparisonRow, trm: ComparisonRow | undefined): string[] {
  const modelled = row.kind === 'modelled' ? '~' : ''
  const faster = ratioOf(trm?.samplesPerSecond ?? null, row.samplesPerSecond)
  const sooner = ratioOf(row.answerSeconds, trm?.answerSeconds ?? null)
  return [
    `${modelled}${row.title}`,
    shown(row.parameters / 1e6, 'M'),
    shown(row.samplesPerSecond),
    shown(faster),
    shown(row.trainTokensPerSecond),
    shown(row.answerSeconds),
    shown(sooner),
    shown(row.tokensPerSecond),
    shown(row.answerJoules),
    gib(row.peakBytes),
    shown(row.taskCost, '', 2),
  ]
}
