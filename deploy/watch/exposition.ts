// Reads the exposition format of Prometheus, as far as our own processes write it: what `trmesh top` looks at.

export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The numbers of one process at one time. */
export class Exposition {
  private constructor(
    private readonly metrics: ReadonlyMap<string, readonly Series[]>,
    /** When it was read, monotonic milliseconds. */
    readonly at: number,
  ) {}

  static parse(text: string, at: number): Exposition {
    const metrics = new Map<string, Series[]>()
    for (const line of text.split('\n')) {
      const [, name, inside = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      if (name === undefined) continue
      const labels = Object.fromEntries(
        [...inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', quoted = '']) => [
          label,
          unquote(quoted),
        ]),
      )
      const series = { labels, value: numberOf(value) }
      const known = metrics.get(name)
      if (known === undefined) metrics.set(name, [series])
      else known.push(series)
    }
    return new Exposition(metrics, at)
  }

  /** Every series of a metric whose labels include these. */
  all(name: string, labels: Readonly<Record<string, string>> = {}): readonly Series[] {
    const wanted = Object.entries(labels)
    return (this.metrics.get(name) ?? []).filter((series) =>
      wanted.every(([label, value]) => series.labels[label] === value),
    )
  }

  /** Their sum; undefined if there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const series = this.all(name, labels)
    return series.length === 0 ? undefined : series.reduce((sum, { value }) => sum + value, 0)
  }
}

const unquote = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_whole, letter: string) => (letter === 'n' ? '\n' : letter))

const numberOf = (text: string): number =>
  text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : text === 'NaN' ? NaN : Number(text)

/** What a counter grew by between two readings, per second; undefined without a reading before, or if it began anew. */
export function rate(
  name: string,
  now: Exposition,
  before: Exposition | undefined,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const last = now.sum(name, labels)
  const first = before?.sum(name, labels)
  if (before === undefined || last === undefined || first === undefined) return undefined
  const seconds = (now.at - before.at) / 1000
  return seconds > 0 && last >= first ? (last - first) / seconds : undefined
}
