// What the tables of metrics are made of: a kind, a unit, who tells it, and the closed sets its labels come from.

export type Role = 'coordinator' | 'worker'
export type Unit = 'seconds' | 'bytes' | 'ratio' | 'flops' | 'count' | 'none'

/** Values a label may take; `text` only where their number is small by nature. */
export type LabelValues = readonly string[] | 'text'

export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly unit: Unit
  readonly help: string
  readonly by: readonly Role[]
  readonly labels: Readonly<Record<string, LabelValues>>
  /** Upper bounds of a histogram, in its unit. */
  readonly buckets?: readonly number[]
}
