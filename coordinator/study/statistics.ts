// Shares with their intervals, and the seeded resampling behind those that have no formula. Pure.
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { rngFor } from '../../shared/rng/counter.js'
import { wilson } from '../../shared/wilson.js'
import type { Measured } from './record.js'

/** Names of the ways to find an interval, as tables tell them. */
export const WILSON = '95 % Wilson'
export const BOOTSTRAP_TASKS = '95 % bootstrap over tasks'
export const BOOTSTRAP_BOTH = '95 % bootstrap over tasks and votes'

/** `value` 0..1 of so many independent trials. */
export function share(value: number, trials: number): Measured | null {
  return trials === 0 ? null : { value, ...wilson(value * trials, trials) }
}

/** The ends between which the middle 95 % of the values lie. */
export function middle95(values: readonly number[]): { low: number; high: number } {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number): number => {
    const place = part * (sorted.length - 1)
    const [below, above] = [sorted[Math.floor(place)] ?? NaN, sorted[Math.ceil(place)] ?? NaN]
    return below + (above - below) * (place - Math.floor(place))
  }
  return { low: at(0.025), high: at(0.975) }
}

/** The stream of random words of one resample. */
export const resampleRng = (seed: number, stream: string, resample: number): Mt19937 =>
  new Mt19937(rngFor(seed, stream, resample).u32())

/** `count` draws with replacement, as how often each was drawn. */
export function drawn(rng: Mt19937, count: number): Uint32Array {
  const times = new Uint32Array(count)
  for (let i = 0; i < count; i++) times[rng.randint(0, count)]!++
  return times
}

export function meanOf(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / Math.max(1, values.length)
}

export function weightedMean(values: ArrayLike<number>, weights: ArrayLike<number>): number {
  let [sum, total] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    sum += values[i]! * weights[i]!
    total += weights[i]!
  }
  return sum / Math.max(1, total)
}

/** The mean and its 95 % bootstrap interval, by drawing the values anew. */
export function bootstrapMean(
  values: readonly number[],
  seed: number,
  stream: string,
  resamples: number,
): Measured | null {
  if (values.length === 0) return null
  const means = Array.from({ length: resamples }, (_, i) =>
    weightedMean(values, drawn(resampleRng(seed, stream, i), values.length)),
  )
  return { value: meanOf(values), ...middle95(means) }
}
