// A study as CSV, one line a figure: measured here and reported by others in columns of their own, never in one.
import type { StudyRecord } from './record.js'

const HEAD = [
  'study',
  'table',
  'what',
  'measure',
  'unit',
  'measured_here',
  'low',
  'high',
  'interval',
  'reported',
  'reported_by',
  'grade',
  'mind',
]

type Cell = string | number | null

const quoted = (cell: Cell): string => {
  const text = cell === null ? '' : String(cell)
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function studyCsv({ study, findings }: StudyRecord): string {
  const lines = findings.tables.flatMap(({ title, columns, rows }) =>
    rows.flatMap(({ what, measured, reported }): Cell[][] => [
      ...columns.flatMap(({ title: measure, unit, interval }, i): Cell[][] => {
        const own = measured[i] ?? null
        if (own === null) return []
        const { value, low, high } = own
        return [[study, title, what, measure, unit, value, low, high, low === null ? '' : interval, '', '', '', '']]
      }),
      ...reported.map(({ figure, by, grade, mind }): Cell[] => [
        ...[study, title, what, '', '', '', '', '', ''],
        ...[figure, by, grade, mind],
      ]),
    ]),
  )
  return [HEAD, ...lines].map((line) => `${line.map(quoted).join(',')}\n`).join('')
}
