// How fast answers come: when each unit of work was done, and what the rate is once all are warm. Pure but for the clock given.
import { middle95, resampleRng, drawn, weightedMean, meanOf } from './statistics.js'
import type { Measured } from './record.js'

export class Stopwatch {
  private readonly arrivals: number[] = []
  private units = 0

  /** @param now milliseconds, monotonic */
  constructor(private readonly now: () => number) {}

  /** Told at the start (0 done), and after every unit. */
  progress({ done, units }: { readonly done: number; readonly units: number }): void {
    if (done === 0) this.arrivals.length = 0
    else this.arrivals.push(this.now())
    this.units = units
  }

  /** Units that were timed, the first `warm` ones left out. */
  timed(warm: number): number {
    return Math.max(0, this.arrivals.length - warm)
  }

  /** Rows in a unit, on average. */
  rowsPerUnit(rows: number): number {
    return rows / Math.max(1, this.units)
  }

  /**
   * Rows per second after the first `warm` units: the mean time between answers, with its 95 % bootstrap interval.
   * null with fewer than two units to time.
   */
  rate(rows: number, warm: number, seed: number, resamples: number): Measured | null {
    const gaps = this.arrivals.slice(warm).map((at, i) => at - (this.arrivals[warm + i - 1] ?? at))
    if (warm < 1 || gaps.length < 2) return null
    return rateOf(gaps, this.rowsPerUnit(rows), seed, resamples)
  }
}

/** Things per second, where `each` come after every gap (milliseconds). */
export function rateOf(gaps: readonly number[], each: number, seed: number, resamples: number): Measured {
  const perSecond = (gap: number): number => (1000 * each) / gap
  const means = Array.from({ length: resamples }, (_, i) =>
    perSecond(weightedMean(gaps, drawn(resampleRng(seed, 'gaps', i), gaps.length))),
  )
  return { value: perSecond(meanOf(gaps)), ...middle95(means) }
}
