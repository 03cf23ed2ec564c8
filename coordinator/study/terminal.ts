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

/** Columns beside each other, on a usual terminal, if a figure takes one line. */
const ABREAST = 3
const WORDS_WIDE = 24

/** Broken at spaces, so that no line is wider if words allow it. */
function broken(text: string, wide: number): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > wide) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join('\n')
}

function tableText({ title, columns, rows }: StudyTable, sources: Reported[]): string {
  const narrow = columns.length > ABREAST
  const figure = (text: string): string => (narrow ? text.replace(' (', '\n(') : text)
  const table = new Table({
    head: [
      broken(title, WORDS_WIDE),
      ...columns.map((column) => broken(`${column.title}, measured here`, narrow ? 15 : WORDS_WIDE)),
      'reported by\nothers',
    ],
    style: { head: [], border: [], compact: true },
  })
  for (const { what, measured, reported } of rows)
    table.push([
      broken(what, WORDS_WIDE + 8),
      ...columns.map(({ unit }, i) => figure(measuredText(measured[i] ?? null, unit))),
      reported.map((one) => broken(`${one.figure} [${numberOf(one, sources)}]`, WORDS_WIDE)).join('\n'),
    ])
  const intervals = [...new Set(columns.map(({ interval }) => interval).filter((interval) => interval !== ''))]
  const legend = intervals.length === 0 ? '' : `\nin brackets: ${intervals.join('; ')}`
  return `${table.toString()}${legend}`
}

function numberOf(one: Reported, sources: Reported[]): number {
  const known = sources.findIndex(({ by, grade, mind }) => by === one.by && grade === one.grade && mind === one.mind)
  return (known < 0 ? sources.push(one) - 1 : known) + 1
}
