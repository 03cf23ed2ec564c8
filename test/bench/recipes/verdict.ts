// What some seeds allow to say: means with 95 % intervals by Student's t, and differences of runs paired by their seed, which
// take the luck of the seed out of the comparison. Pure.

export interface Estimate {
  readonly mean: number
  /** Ends of the 95 % interval; infinite with one value, of which no spread is known. */
  readonly low: number
  readonly high: number
}

export type Verdict = 'helped' | 'no difference seen' | 'hurt'

/** Quantiles of 97.5 % of Student's t, for 1, 2, ... degrees of freedom. */
const T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086,
]

/** Seeds that can be told apart. */
export const MOST_SEEDS = T.length + 1

export function estimate(values: readonly number[]): Estimate {
  const n = values.length
  if (n === 0 || n > MOST_SEEDS) throw new RangeError(`${n} values; an interval needs 1 to ${MOST_SEEDS}`)
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  if (n === 1) return { mean, low: -Infinity, high: Infinity }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
  const spread = (T[n - 2] as number) * Math.sqrt(variance / n)
  return { mean, low: mean - spread, high: mean + spread }
}

/** @param ours, theirs values of the same seeds, in the same order */
export function difference(ours: readonly number[], theirs: readonly number[]): Estimate {
  if (ours.length !== theirs.length) throw new RangeError(`${ours.length} and ${theirs.length} values are no pairs`)
  return estimate(ours.map((value, i) => value - (theirs[i] as number)))
}

/** Of a difference: something is said only if its interval lies on one side of zero. */
export function verdictOf({ low, high }: Estimate): Verdict {
  if (low > 0) return 'helped'
  return high < 0 ? 'hurt' : 'no difference seen'
}
