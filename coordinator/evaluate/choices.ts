// Several attempts at one question, and how one answer is chosen of them. Pure.

/** One attempt at a question: its answer after the last step, and the one at the step at which it first says halt. */
export interface CopyAnswer {
  readonly key: string
  readonly q: number
  readonly early: { readonly key: string; readonly q: number; readonly step: number }
}

/** `keys` of the answers, and what the choice cost, in supervision steps of all attempts together. */
export interface Choice {
  readonly key: string
  readonly steps: number
}

const sigmoid = (q: number): number => 1 / (1 + Math.exp(-q))

/** The first that nothing is better than. */
function best<T>(items: readonly T[], better: (a: T, b: T) => boolean): T {
  const [first, ...others] = items
  if (first === undefined) throw new RangeError('nothing to choose from')
  return others.reduce((chosen, item) => (better(item, chosen) ? item : chosen), first)
}

/** PTRM (arXiv:2605.19943): after the last step, the answer with the highest q_halt. */
export const bestQ = (attempts: readonly CopyAnswer[], steps: number): Choice => ({
  key: best(attempts, (a, b) => a.q > b.q).key,
  steps: attempts.length * steps,
})

/** After the last step, the answer that most attempts gave; of equals the one with the highest mean of sigmoid(q_halt), as ARC votes. */
export function majority(attempts: readonly CopyAnswer[], steps: number): Choice {
  const tallies = new Map<string, { key: string; votes: number; sum: number }>()
  for (const { key, q } of attempts) {
    const { votes, sum } = tallies.get(key) ?? { votes: 0, sum: 0 }
    tallies.set(key, { key, votes: votes + 1, sum: sum + sigmoid(q) })
  }
  const chosen = best([...tallies.values()], (a, b) => a.votes > b.votes || (a.votes === b.votes && a.sum > b.sum))
  return { key: chosen.key, steps: attempts.length * steps }
}

/**
 * "Speed is Confidence" (arXiv:2601.19085): all attempts run side by side until the first says halt; it answers with what it has then.
 * Of several at the same step the one with the highest q_halt; if none ever halts, that one after the last step (both our choice).
 */
export function firstToHalt(attempts: readonly CopyAnswer[]): Choice {
  const { early } = best(attempts, ({ early: a }, { early: b }) => a.step < b.step || (a.step === b.step && a.q > b.q))
  return { key: early.key, steps: attempts.length * early.step }
}
