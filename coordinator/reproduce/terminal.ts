// A reproduction on the terminal: what was reported and what was measured, in columns of their own, and what differs.
import Table from 'cli-table3'
import type { Reproduction, ReproductionRow } from './record.js'
import { ALWAYS } from './rows.js'

type Measured = ReproductionRow['asPublished']

export const percentText = (share: number): string => `${(100 * share).toFixed(1)} %`

export const measuredOf = (measured: Measured): string => (measured === null ? '-' : percentText(measured.value))

export const intervalOf = (measured: Measured): string =>
  measured === null
    ? '-'
    : `${percentText(measured.low)} to ${percentText(measured.high)}, n = ${measured.trials.toLocaleString('en')}`

export function reproductionTerminal({ recipe, title, claim, measure, rows }: Reproduction): string {
  const table = new Table({
    head: ['run', 'reported', 'measured here,\nas published', 'measured here,\notherwise', '95 % interval', 'differs'],
    style: { head: [], border: [], compact: true },
  })
  rows.forEach(({ what, reported, asPublished, otherwise, differs }, i) =>
    table.push([
      what,
      `${reported.figure} % [${i + 1}]`,
      measuredOf(asPublished),
      measuredOf(otherwise),
      intervalOf(asPublished ?? otherwise),
      differs.length === 0 ? 'nothing' : `${differs.length}, see below`,
    ]),
  )
  const notes = rows.flatMap(({ what, reported, differs, data, step, created, workers }, i) => [
    `[${i + 1}] reported: ${reported.what}, ${reported.source} (${reported.grade})`,
    `    ${what}: step ${step}, ${created.slice(0, 10)}, ${workers}; ${data}`,
    ...(differs.length === 0 ? [] : [`    differs (published; here): ${differs.join(', ')}`]),
  ])
  return [`reproduce ${recipe}: ${title}`, `claim: ${claim}; ${measure}`, table.toString(), ...notes, ALWAYS].join('\n')
}
