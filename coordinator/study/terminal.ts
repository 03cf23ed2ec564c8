// A study on the terminal: its tables, the sources below them, and what to mind.
import Table from 'cli-table3'
import { measuredText } from './figures.js'
import type { Reported, StudyRecord, StudyTable } from './record.js'

export function studyText({ findings, ...facts }: StudyRecord): string {
  const sources: Reported[] = []
  const tables = findings.tables.map((table) => tableText(table, sources))
  return [
    `${facts.study}: ${facts.question}`,
    `${facts.run}, step ${facts.step}; ${facts.data.description}`,
    `asked: ${findings.asked}`,
    ...tables,
    ...sources.map(({ by, grade, mind }, i) => `[${i + 1}] ${by} (${grade}): ${mind}`),
    ...findings.notes.map((note) => `  - ${note}`),
    `seed ${facts.seed}; ${facts.created}, ${Math.round(facts.seconds)} s on ${facts.machine}, load ${facts.load.toFixed(1)}; ` +
      facts.workers.map(({ label, backend, precision }) => `${label}: ${backend}, ${precision}`).join('; '),
  ].join('\n')
}

function tableText({ title, columns, rows }: StudyTable, sources: Reported[]): string {
  const table = new Table({
    head: [title, ...columns.map((column) => `${column.title},\nmeasured here`), 'reported by\nothers'],
    style: { head: [], border: [], compact: true },
  })
  for (const { what, measured, reported } of rows)
    table.push([
      what,
      ...columns.map(({ unit }, i) => measuredText(measured[i] ?? null, unit)),
      reported.map((one) => `${one.figure} [${numberOf(one, sources)}]`).join('\n'),
    ])
  const intervals = [...new Set(columns.map(({ interval }) => interval).filter((interval) => interval !== ''))]
  const legend = intervals.length === 0 ? '' : `\nin brackets: ${intervals.join('; ')}`
  return `${table.toString()}${legend}`
}

function numberOf(one: Reported, sources: Reported[]): number {
  const known = sources.findIndex(({ by, grade, mind }) => by === one.by && grade === one.grade && mind === one.mind)
  return (known < 0 ? sources.push(one) - 1 : known) + 1
}
