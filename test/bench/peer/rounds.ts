// Who runs when, and what the times say. Contestants take turns in one run (A B A B ...), because a machine's speed drifts;
// ratios are taken round by round, so that drift cancels, and shown with their spread.

export interface Turn {
  readonly round: number
  /** Index of the contestant. */
  readonly who: number
}

export const turnsOf = (contestants: number, rounds: number): Turn[] =>
  Array.from({ length: rounds * contestants }, (_, i) => ({
    round: Math.floor(i / contestants),
    who: i % contestants,
  }))

/** Steps a turn, so that it lasts a second or so and the clock's grain does not show; a long step is a turn of its own. */
export const stepsPerTurn = (secondsPerStep: number): number =>
  Math.max(1, Math.min(100, Math.round(1 / Math.max(secondsPerStep, 1e-6))))

/** Between 0 and 1, linear between neighbours. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = at * (sorted.length - 1)
  const low = sorted[Math.floor(place)] ?? NaN
  const high = sorted[Math.ceil(place)] ?? NaN
  return low + (high - low) * (place - Math.floor(place))
}

export interface Ratio {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** How many times faster ours was, over the rounds: seconds a step of theirs over ours, pair by pair. */
export function speedRatio(ours: readonly number[], theirs: readonly number[]): Ratio {
  if (ours.length !== theirs.length || ours.length === 0)
    throw new RangeError(`${ours.length} rounds of ours cannot be compared with ${theirs.length} of theirs`)
  const ratios = ours.map((seconds, round) => (theirs[round] ?? NaN) / seconds)
  return { median: quantile(ratios, 0.5), low: Math.min(...ratios), high: Math.max(...ratios) }
}

/** `3 min 20 s` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Mean of |ours - theirs| over mean of |theirs|. */
export function meanDifference(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length || ours.length === 0)
    throw new RangeError(`a curve of ${ours.length} values cannot be compared with one of ${theirs.length}`)
  const off = ours.reduce((sum, value, i) => sum + Math.abs(value - (theirs[i] ?? NaN)), 0)
  return off / theirs.reduce((sum, value) => sum + Math.abs(value), 0)
}
