// Sums of states that several calls read, such as y + x in every thought of a cycle: made once, and again only when one of
// their terms has changed. The sum of nothing is zero.
import * as tf from '@tensorflow/tfjs-core'
import type { Term } from '../../shared/recursion.js'
import { primitives } from '../ops/primitives.js'

interface Kept {
  readonly terms: readonly Term[]
  readonly sum: tf.Tensor2D
}

export class Sums {
  private readonly kept = new Map<string, Kept>()

  /** @param states by number, as they are at the moment; @param x the question, of the same shape */
  constructor(
    private readonly states: readonly tf.Tensor2D[],
    private readonly x: tf.Tensor2D,
  ) {}

  /** From left to right. The result is only lent, until a state is written. */
  of(terms: readonly Term[]): tf.Tensor2D {
    const [first, ...rest] = terms
    if (first !== undefined && rest.length === 0) return this.at(first)
    const key = terms.join('+')
    const known = this.kept.get(key)
    if (known !== undefined) return known.sum
    const sum = first === undefined ? tf.zeros<tf.Rank.R2>(this.x.shape) : this.added(first, rest)
    this.kept.set(key, { terms, sum })
    return sum
  }

  /** State `written` is about to change. */
  forget(written: number): void {
    for (const [key, { terms, sum }] of this.kept) {
      if (!terms.includes(written)) continue
      sum.dispose()
      this.kept.delete(key)
    }
  }

  dispose(): void {
    for (const { sum } of this.kept.values()) sum.dispose()
    this.kept.clear()
  }

  private added(first: Term, rest: readonly Term[]): tf.Tensor2D {
    let sum = this.at(first)
    rest.forEach((term, i) => {
      const next: tf.Tensor2D = primitives().add(sum, this.at(term))
      if (i > 0) sum.dispose()
      sum = next
    })
    return sum
  }

  private at(term: Term): tf.Tensor2D {
    if (term === 'x') return this.x
    const state = this.states[term]
    if (state === undefined) throw new RangeError(`the recursion has no state ${term}`)
    return state
  }
}
