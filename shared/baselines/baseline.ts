// What a published figure is to us: printed as its source prints it, with where it was read and what to mind about it. The
// number is taken out of the printed text, so that the two cannot differ.

/** P: read in the primary text; S: in somebody else's account of it; D: derived by arithmetic or by reading code. */
export type Grade = 'P' | 'S' | 'D'

export const TEST_SETS = ['arc-agi-1', 'arc-agi-2', 'sudoku-extreme', 'maze-hard'] as const
export type TestSet = (typeof TEST_SETS)[number]

export interface Baseline {
  readonly model: string
  /** What was done with it, and how. */
  readonly setup: string
  readonly hardware: string
  /** As printed: `12,473 per GPU`. */
  readonly tokensPerSecond?: string
  readonly samplesPerSecond?: string
  /** Peak memory as printed, with its unit: `18.9 GiB`. */
  readonly memory?: string
  /** Wall time of training as printed: `48 min`. */
  readonly training?: string
  /** As printed: `671B`. */
  readonly parameters?: string
  /** Exact match in percent, as printed. */
  readonly accuracy?: Readonly<Partial<Record<TestSet, string>>>
  readonly source: string
  readonly grade: Grade
  /** What a reader must know before comparing; never empty. */
  readonly caveat: string
}

/** The first number of a printed figure: 14079 of `14,079–14,451 per GPU`. NaN if there is none. */
export const numberIn = (printed: string): number =>
  Number(/\d[\d,]*(\.\d+)?/.exec(printed)?.[0].replaceAll(',', '') ?? NaN)

const times = (printed: string, units: Readonly<Record<string, number>>): number => {
  const unit = /\d\s*([A-Za-z]+)/.exec(printed)?.[1] ?? ''
  return numberIn(printed) * (units[unit] ?? NaN)
}

/** 0.796 of the percentage `79.6`, without the error of a division. */
export const shareIn = (printed: string): number => Number(`${numberIn(printed)}e-2`)

/** Bytes of `18.9 GiB` or `6.1 GB`; NaN without a unit. */
export const bytesIn = (printed: string): number => times(printed, { GB: 1e9, GiB: 2 ** 30 })

/** Seconds of `48 min` or `6 h`; NaN without a unit. */
export const secondsIn = (printed: string): number => times(printed, { s: 1, min: 60, h: 3600 })

/** A count of `7M`, `671B` or `1.7T`; NaN without a unit. */
export const countIn = (printed: string): number => times(printed, { M: 1e6, B: 1e9, T: 1e12 })
