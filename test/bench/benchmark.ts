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
  /** For the table: what follows the ratio. */
  readonly remark?: string
  /** For --json: more fields. */
  readonly more?: Readonly<Record<string, unknown>>
}

export interface BenchOptions {
  readonly backend: BackendAsked
  /** Number of a GPU. Unset: the CPU. */
  readonly gpu?: number | undefined
  /** Unset: the presets that the benchmark is about. */
  readonly preset: string | undefined
  /** As small as possible: shows that it works, not how fast it is. */
  readonly quick: boolean
  /** Of `peer`: one contestant after the other, for what does not fit on a GPU together. */
  readonly alone?: boolean | undefined
  /** Unset: what the benchmark finds fitting. */
  readonly batch?: number | undefined
  readonly threads?: number | undefined
  readonly rounds?: number | undefined
  /** Of `recipes`: what is learned; which rows, by commas; how many seeds. */
  readonly task?: string | undefined
  readonly only?: string | undefined
  readonly seeds?: number | undefined
  /** Beside what is compiled, also what is not. */
  readonly eager: boolean
  /** Tells a person what goes on, beside the figures. */
  readonly note: (line: string) => void
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
