// Asks a live Prometheus what a panel asks, with Grafana's variables replaced.
import type { PanelModel } from './dashboard-model.js'
import type { Answered, Line } from './pictures.js'

export interface Span {
  readonly url: string
  readonly run: string
  /** Seconds of the past that are shown. */
  readonly seconds: number
  /** Of rates, as Prometheus writes durations. */
  readonly window: string
}

interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly values?: readonly (readonly [number, string])[]
  readonly value?: readonly [number, string]
}

const POINTS = 120

async function ask(path: string): Promise<readonly Series[]> {
  const response = await fetch(path)
  const { data, error } = (await response.json()) as { data?: { result: readonly Series[] }; error?: string }
  if (data === undefined) throw new Error(error ?? `status ${response.status}`)
  return data.result
}

const named = (legend: string, metric: Readonly<Record<string, string>>): string =>
  legend.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_all, label: string) => metric[label] ?? '').trim()

/** @returns lines for what is drawn over time, rows for a table; the error instead of throwing */
export async function answer(panel: PanelModel, { url, run, seconds, window }: Span): Promise<Answered> {
  const lines: Line[] = []
  const rows = new Map<string, Record<string, string>>()
  const rename = panel.transformations?.find(({ id }) => id === 'organize')?.options.renameByName ?? {}
  const targets = panel.targets ?? []
  const now = Date.now() / 1000
  try {
    for (const { expr, legendFormat = '', refId } of targets) {
      const bare = expr.replaceAll('$__rate_interval', window).replaceAll('$run', run).replaceAll('$worker', '.+')
      const query = `query=${encodeURIComponent(bare)}`
      if (panel.type !== 'table') {
        const times = `start=${now - seconds}&end=${now}&step=${Math.max(1, seconds / POINTS)}`
        for (const { metric, values = [] } of await ask(`${url}/api/v1/query_range?${query}&${times}`))
          lines.push({
            name: named(legendFormat, metric),
            points: values.map(([time, value]) => ({ time, value: Number(value) })),
          })
        continue
      }
      const column = targets.length === 1 ? 'Value' : `Value #${refId}`
      for (const { metric, value } of await ask(`${url}/api/v1/query?${query}`)) {
        const labels = Object.entries(metric).filter(([label]) => label in rename)
        const key = JSON.stringify(labels.sort())
        const row = rows.get(key) ?? Object.fromEntries(labels.map(([label, text]) => [rename[label] ?? label, text]))
        row[rename[column] ?? column] = String(Number(value?.[1]))
        rows.set(key, row)
      }
    }
  } catch (error) {
    return { panel, lines: [], rows: [], error: error instanceof Error ? error.message : String(error) }
  }
  const order = Object.values(rename)
  const by = panel.transformations?.find(({ id }) => id === 'sortBy')?.options.sort?.[0]?.field ?? ''
  const sorted = [...rows.values()].sort((a, b) => Number(b[by] ?? 0) - Number(a[by] ?? 0))
  const inOrder = sorted.map((row) => Object.fromEntries(order.map((head) => [head, row[head] ?? ''])))
  return { panel, lines, rows: inOrder, error: '' }
}
