// pass@K against the number of votes, resampled: which copies vote, and which tasks are asked, is drawn again and again.
// One shuffle serves all numbers of votes, so that a curve is of nested sets of votes and its differences are paired. Pure.
import type { Ballots } from './ballots.js'
import type { Measured } from './record.js'
import { drawn, meanOf, middle95, resampleRng, share, weightedMean } from './statistics.js'

export const CURVE_K = [1, 2] as const

/** 1, 2, 5, 10, ... up to `most`, and `most` itself. */
export function voteNumbers(most: number): number[] {
  const round = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter((count) => count < most)
  return [...round, most]
}

export interface CurvePoint {
  readonly votes: number
  /** By place in CURVE_K. */
  readonly pass: readonly (Measured | null)[]
  /** Over the original alone. */
  readonly gain: readonly (Measured | null)[]
}

export interface Curve {
  readonly tasks: number
  /** The original, unaugmented question alone. */
  readonly single: readonly (Measured | null)[]
  readonly points: readonly CurvePoint[]
}

interface Scores {
  /** [votes][K] -> by task. */
  readonly of: readonly (readonly Float64Array[])[]
}

export class VoteCurve {
  private readonly tasks: readonly (readonly Ballots[])[]
  private readonly numbers: readonly number[]
  private readonly single: readonly Float64Array[]
  /** [votes][K] -> one value per resample: over the tasks as they are, over tasks drawn anew, and its gain over `single`. */
  private readonly plain: number[][][]
  private readonly redrawn: number[][][]
  private readonly gains: number[][][]
  done = 0

  /** @param ballots pairs whose answer is not known are left out */
  constructor(
    ballots: readonly Ballots[],
    private readonly seed: number,
    readonly resamples: number,
  ) {
    const known = ballots.filter((pair) => pair.known)
    const byTask = new Map<string, Ballots[]>()
    for (const pair of known) byTask.set(pair.task, [...(byTask.get(pair.task) ?? []), pair])
    this.tasks = [...byTask.values()]
    this.numbers = voteNumbers(known.reduce((most, { length }) => Math.max(most, length), 1))
    const empty = (): number[][][] => this.numbers.map(() => CURVE_K.map(() => []))
    ;[this.plain, this.redrawn, this.gains] = [empty(), empty(), empty()]
    this.single = this.score((pair) => pair.ranks([0], [1])).of[0]!
  }

  /** One more resample. */
  resample(): void {
    const rng = resampleRng(this.seed, 'votes', this.done++)
    const scores = this.score((pair) => pair.ranks(this.order(pair, rng), this.numbers))
    const weights = drawn(rng, this.tasks.length)
    this.numbers.forEach((_, n) =>
      CURVE_K.forEach((_, k) => {
        const values = scores.of[n]![k]!
        const again = weightedMean(values, weights)
        this.plain[n]![k]!.push(meanOf(values))
        this.redrawn[n]![k]!.push(again)
        this.gains[n]![k]!.push(again - weightedMean(this.single[k]!, weights))
      }),
    )
  }

  /** What has been resampled so far. */
  curve(): Curve {
    const tasks = this.tasks.length
    const alone = this.single.map(meanOf)
    return {
      tasks,
      single: alone.map((value) => share(value, tasks)),
      points: this.numbers.map((votes, n) => {
        const value = CURVE_K.map((_, k) => meanOf(this.plain[n]![k]!))
        return {
          votes,
          pass: value.map((mean, k) => interval(mean, this.redrawn[n]![k]!, tasks)),
          gain: value.map((mean, k) => ({ value: mean - alone[k]!, ...middle95(this.gains[n]![k]!) })),
        }
      }),
    }
  }

  /** Places in random order: its beginnings are random sets of votes. */
  private order(pair: Ballots, rng: { shuffle(items: Int32Array): void }): Int32Array {
    const order = Int32Array.from({ length: pair.length }, (_, place) => place)
    rng.shuffle(order)
    return order
  }

  private score(ranks: (pair: Ballots) => readonly number[]): Scores {
    const of = this.numbers.map(() => CURVE_K.map(() => new Float64Array(this.tasks.length)))
    this.tasks.forEach((pairs, task) => {
      for (const pair of pairs)
        ranks(pair).forEach((rank, n) =>
          CURVE_K.forEach((k, i) => {
            if (rank < k) of[n]![i]![task]! += 1 / pairs.length
          }),
        )
    })
    return { of }
  }
}

/** Where all resamples agree (nobody or everybody is right), they say nothing of chance; Wilson does. */
function interval(value: number, values: readonly number[], tasks: number): Measured | null {
  const { low, high } = middle95(values)
  return high - low < 1e-9 ? share(value, tasks) : { value, low, high }
}
