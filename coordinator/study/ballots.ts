// The votes of one test pair, one by one, in the order they were asked (the original first): what voting can be replayed
// from with fewer of them. Ranks are those of shared/arc/vote.ts. Pure.
import { hashGrid } from '../../shared/arc/grid.js'
import { unaugment, type Augmentation } from '../../shared/arc/augment.js'
import type { Pair } from '../../shared/arc/task.js'
import { crop } from '../../shared/arc/tokens.js'

const sigmoid = (q: number): number => 1 / (1 + Math.exp(-q))

export class Ballots {
  private readonly numbers = new Map<string, number>()
  private readonly right: string | undefined
  /** By place: number of the answer, -1 where it is not in yet. */
  private readonly answers: Int32Array
  /** By place: sigmoid(q_halt). */
  private readonly confidence: Float64Array

  /** @param room votes that will be cast */
  constructor(
    readonly task: string,
    /** 0-based among the asked test pairs of the task. */
    readonly pair: number,
    { output }: Pair,
    private readonly canvas: number,
    room: number,
  ) {
    this.right = output === undefined ? undefined : hashGrid(output)
    this.answers = new Int32Array(room).fill(-1)
    this.confidence = new Float64Array(room)
  }

  get length(): number {
    return this.answers.length
  }

  /** The answer is known, so that the pair can be scored. */
  get known(): boolean {
    return this.right !== undefined
  }

  /** Different answers among all votes. */
  get candidates(): number {
    return this.numbers.size
  }

  /** @param prediction canvas * canvas tokens in the frame of the augmentation @param q q_halt logit */
  cast(place: number, augmentation: Augmentation, prediction: ArrayLike<number>, q: number): void {
    const hash = hashGrid(unaugment(crop(prediction, this.canvas), augmentation))
    const number = this.numbers.get(hash) ?? this.numbers.size
    this.numbers.set(hash, number)
    this.answers[place] = number
    this.confidence[place] = sigmoid(q)
  }

  /**
   * Rank of the right answer, from 0, after so many votes in this order; Infinity where nobody gave it.
   * @param order places, each once
   * @param after numbers of votes, ascending; more than there are means all
   */
  ranks(order: ArrayLike<number>, after: readonly number[]): number[] {
    const right = this.right === undefined ? -1 : (this.numbers.get(this.right) ?? -1)
    const votes = new Int32Array(this.numbers.size)
    const sums = new Float64Array(this.numbers.size)
    const first = new Int32Array(this.numbers.size)
    let counted = 0
    return after.map((wanted) => {
      for (; counted < Math.min(wanted, order.length); counted++) {
        const place = order[counted]!
        const answer = this.answers[place]!
        if (votes[answer]!++ === 0) first[answer] = counted
        sums[answer]! += this.confidence[place]!
      }
      return right < 0 || votes[right] === 0 ? Infinity : this.better(right, votes, sums, first)
    })
  }

  /** How many answers stand before `right`: by votes, then mean confidence, then who was first. */
  private better(right: number, votes: Int32Array, sums: Float64Array, first: Int32Array): number {
    const mean = sums[right]! / votes[right]!
    let before = 0
    for (let answer = 0; answer < votes.length; answer++) {
      if (answer === right || votes[answer] === 0 || votes[answer]! < votes[right]!) continue
      const other = sums[answer]! / votes[answer]!
      const wins = votes[answer]! - votes[right]! || other - mean || first[right]! - first[answer]!
      if (wins > 0) before++
    }
    return before
  }
}
