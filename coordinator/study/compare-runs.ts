// Two runs on the same test pairs: what each scores, and how far they are apart, with the tasks drawn anew for both at once.
// Pure.
import type { Ballots } from './ballots.js'
import type { Measured } from './record.js'
import { bootstrapMean, drawn, meanOf, middle95, resampleRng, share, weightedMean } from './statistics.js'

/** The pairs of `own` that `other` was asked too, and whose answer is known. */
export function common(own: readonly Ballots[], other: readonly Ballots[]): Ballots[] {
  const keys = new Set(other.map(({ task, pair }) => `${task}:${pair}`))
  return own.filter((pair) => pair.known && keys.has(`${pair.task}:${pair.pair}`))
}

/** Rank of the right answer: of the original alone, or after all votes. */
export const rankAlone = (pair: Ballots): number => pair.ranks([0], [1])[0] ?? Infinity
export const rankVoted = (pair: Ballots): number =>
  pair.ranks(
    Array.from({ length: pair.length }, (_, place) => place),
    [pair.length],
  )[0] ?? Infinity

/** Share of each task's pairs whose rank is below k, tasks in the order of their names. */
export function taskScores(pairs: readonly Ballots[], rank: (pair: Ballots) => number, k: number): number[] {
  const byTask = new Map<string, number[]>()
  for (const pair of pairs) byTask.set(pair.task, [...(byTask.get(pair.task) ?? []), Number(rank(pair) < k)])
  return [...byTask.keys()].sort().map((task) => meanOf(byTask.get(task) ?? []))
}

export interface RunScore {
  /** Of the original alone, and of all votes: pass@1, pass@2. */
  readonly alone: readonly (Measured | null)[]
  readonly voted: readonly (Measured | null)[]
  /** The right answer is among the candidates, in whatever place. */
  readonly found: Measured | null
  /** Different answers to a pair. */
  readonly candidates: Measured | null
}

export function runScore(pairs: readonly Ballots[], seed: number, resamples: number): RunScore {
  const pass = (rank: (pair: Ballots) => number, k: number): Measured | null => {
    const scores = taskScores(pairs, rank, k)
    return share(meanOf(scores), scores.length)
  }
  return {
    alone: [1, 2].map((k) => pass(rankAlone, k)),
    voted: [1, 2].map((k) => pass(rankVoted, k)),
    found: pass(rankVoted, Infinity),
    candidates: bootstrapMean(
      pairs.map(({ candidates }) => candidates),
      seed,
      'candidates',
      resamples,
    ),
  }
}

/** Mean of `after` minus that of `before`, task by task. */
export function difference(
  before: readonly number[],
  after: readonly number[],
  seed: number,
  resamples: number,
): Measured | null {
  if (before.length === 0 || before.length !== after.length) return null
  const values = Array.from({ length: resamples }, (_, i) => {
    const weights = drawn(resampleRng(seed, 'difference', i), before.length)
    return weightedMean(after, weights) - weightedMean(before, weights)
  })
  return { value: meanOf(after) - meanOf(before), ...middle95(values) }
}
