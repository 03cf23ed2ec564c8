// A dashboard as a picture without Grafana: every panel asked of a live Prometheus as Grafana would ask, drawn as one HTML page.
// Plain on purpose: it shows which panels have data, which units and legends they carry, and how large they are.
import type { DashboardModel, PanelModel } from './dashboard-model.js'

export interface Point {
  readonly time: number
  readonly value: number
}

export interface Line {
  readonly name: string
  readonly points: readonly Point[]
}

/** What the queries of a panel gave: lines over time, or rows of a table. */
export interface Answered {
  readonly panel: PanelModel
  readonly lines: readonly Line[]
  readonly rows: readonly Readonly<Record<string, string>>[]
  readonly error: string
}

const COLOURS = ['#73bf69', '#f2cc0c', '#8ab8ff', '#ff780a', '#f2495c', '#5794f2', '#b877d9', '#37872d', '#fade2a']
const ROW_PIXELS = 30

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const scaled = (value: number, units: readonly string[], base: number): string => {
  let at = 0
  let rest = value
  while (Math.abs(rest) >= base && at < units.length - 1) {
    rest /= base
    at++
  }
  return `${rest.toLocaleString('en', { maximumSignificantDigits: 3 })}${units[at] ?? ''}`
}

/** A value as Grafana shows it, nearly. */
export function shown(value: number, unit: string): string {
  if (!Number.isFinite(value)) return String(value)
  if (unit === 'percentunit') return `${(100 * value).toFixed(1)} %`
  if (unit === 'bytes') return scaled(value, [' B', ' KiB', ' MiB', ' GiB', ' TiB'], 1024)
  if (unit === 'Bps') return scaled(value, [' B/s', ' kB/s', ' MB/s', ' GB/s'], 1000)
  if (unit === 'flops') return scaled(value, [' FLOP/s', ' kFLOP/s', ' MFLOP/s', ' GFLOP/s', ' TFLOP/s'], 1000)
  if (unit === 'dateTimeFromNow') return new Date(value).toISOString().slice(0, 19)
  if (unit === 's')
    return value !== 0 && Math.abs(value) < 1 ? `${(1000 * value).toPrecision(3)} ms` : `${value.toPrecision(3)} s`
  return scaled(value, ['', ' K', ' Mil', ' Bil'], 1000)
}

const newest = ({ points }: Line): number => points.at(-1)?.value ?? NaN

function chart(lines: readonly Line[], unit: string, width: number, height: number): string {
  const points = lines.flatMap((line) => line.points.filter(({ value }) => Number.isFinite(value)))
  if (points.length === 0) return '<p class="empty">no data</p>'
  const times = points.map(({ time }) => time)
  const values = points.map(({ value }) => value)
  const [from, to] = [Math.min(...times), Math.max(...times)]
  const [low, high] = [Math.min(0, ...values), Math.max(...values)]
  const x = (time: number): number => 60 + ((time - from) / Math.max(1, to - from)) * (width - 70)
  const y = (value: number): number => height - 8 - ((value - low) / (high - low || 1)) * (height - 20)
  const paths = lines.map(({ points: own }, i) => {
    const path = own.map(({ time, value }) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
    return `<polyline fill="none" stroke="${COLOURS[i % COLOURS.length]}" points="${path}"/>`
  })
  const ticks = [low, (low + high) / 2, high].map(
    (value) => `<text x="56" y="${y(value) + 4}" text-anchor="end">${escape(shown(value, unit))}</text>`,
  )
  return `<svg width="${width}" height="${height}">${ticks.join('')}${paths.join('')}</svg>`
}

const legend = (lines: readonly Line[], unit: string): string =>
  lines
    .slice(0, 12)
    .map(
      (line, i) =>
        `<span style="color:${COLOURS[i % COLOURS.length]}">${escape(line.name)} ${escape(shown(newest(line), unit))}</span>`,
    )
    .join(' ')

/** The unit of a column; undefined: words. */
const unitOf = (panel: PanelModel, head: string): string | undefined => {
  const override = panel.fieldConfig?.overrides?.find(({ matcher }) => matcher.options === head)
  const unit = override?.properties.find(({ id }) => id === 'unit')?.value
  return typeof unit === 'string' ? unit : undefined
}

const cell = (text: string, unit: string | undefined): string =>
  text === '' || unit === undefined ? text : shown(Number(text), unit)

function table(panel: PanelModel, rows: Answered['rows']): string {
  const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((text) => `<${tag}>${escape(text)}</${tag}>`).join('')}</tr>`
  const filled = rows.map((row) =>
    line(
      heads.map((head) => cell(row[head] ?? '', unitOf(panel, head))),
      'td',
    ),
  )
  return `<table>${line(heads, 'th')}${filled.join('')}</table>`
}

function body({ panel, lines, rows, error }: Answered, width: number, height: number): string {
  const unit = panel.fieldConfig?.defaults.unit ?? 'none'
  if (error !== '') return `<p class="empty">${escape(error)}</p>`
  if (panel.type === 'text') return `<pre>${escape(panel.options?.content ?? '')}</pre>`
  if (panel.type === 'table') return rows.length === 0 ? '<p class="empty">no data</p>' : table(panel, rows)
  if (panel.type === 'stat') {
    const value = lines[0] === undefined ? 'none yet' : shown(newest(lines[0]), unit)
    return `<p class="stat">${escape(value)}</p>`
  }
  return `${chart(lines, unit, width, height - 24)}<div class="legend">${legend(lines, unit)}</div>`
}

/** The page, as wide as `columns` of 24 make it. */
export function pageOf(dashboard: DashboardModel, panels: readonly Answered[], width: number): string {
  const column = width / 24
  const boxes = panels.map((answered) => {
    const { x, y, w, h } = answered.panel.gridPos
    const [wide, high] = [w * column - 8, h * ROW_PIXELS - 8]
    const place = `left:${x * column}px;top:${y * ROW_PIXELS}px;width:${wide}px;height:${high}px`
    return `<section style="${place}"><h2>${escape(answered.panel.title)}</h2>${body(answered, wide - 12, high - 30)}</section>`
  })
  const bottom = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h)) * ROW_PIXELS
  return `<!doctype html><meta charset="utf-8"><title>${escape(dashboard.title)}</title><style>
body{margin:0;background:#111217;color:#d8d9da;font:12px sans-serif;width:${width}px;height:${bottom + 48}px;position:relative}
h1{font-size:18px;margin:0;padding:10px}main{position:absolute;top:44px}
section{position:absolute;background:#181b1f;border:1px solid #2c3235;overflow:hidden;padding:0 6px}
h2{font-size:13px;margin:4px 0}svg text{fill:#9fa7b3;font-size:10px}.legend{white-space:nowrap;font-size:10px}
.stat{font-size:28px;color:#73bf69;margin:8px 0;text-align:center}.empty{color:#f2495c}
pre{white-space:pre-wrap;font:11px sans-serif;margin:0}table{border-collapse:collapse;font-size:11px}td,th{border-bottom:1px solid #2c3235;padding:2px 8px;text-align:left}
</style><h1>${escape(dashboard.title)}</h1><main>${boxes.join('\n')}</main>\n`
}
