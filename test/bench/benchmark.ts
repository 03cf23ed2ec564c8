// What a benchmark is: a function that measures and reports figures. A figure compares itself with a yardstick measured in
// the same run, because times of different days and machines do not compare.
import type { BackendAsked } from '../../worker/backends/choose.js'

export interface Figure {
  readonly bench: string
  /** What was measured, in words and sizes. */
  readonly config: string
  readonly value: number
  readonly unit: string
  /** Against the yardstick, which `config` or the benchmark's first lines name; above 1 is better. null: there is none. */
  readonly ratio: number | null
}

export interface BenchOptions {
  readonly backend: BackendAsked
  /** Unset: the presets that the benchmark is about. */
  readonly preset: string | undefined
  /** As small as possible: shows that it works, not how fast it is. */
  readonly quick: boolean
}

export type Report = (figure: Omit<Figure, 'bench'>) => void

export interface Benchmark {
  readonly run: (options: BenchOptions, report: Report) => Promise<void>
}

/** Middle of a sorted copy; the lower one of two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? NaN
}
