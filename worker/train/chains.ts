// Winner take all over K latent chains ("Speed is Confidence", arXiv:2601.19085, code jvdillon/sic): every example is thought about
// from K start thoughts at once. All chains share one answer z_H; each has its own z_L. After a supervision step the chain with the
// lowest cross-entropy wins its example: only it is differentiated, its q decides about halting and learns, and its answer becomes
// the answer of all chains, while every chain keeps its own thoughts (the paper's best carry, "copy/all" or close to it). One chain,
// the first, answers at test time, at the cost of plain TRM.
// The start thoughts are TN(1) buffers of one vector each, as L_init is; with model.chainStarts aligned by an SVD of the weights, as in
// the paper (shared/gradients/aligned-starts.ts). Chains that have become alike are not dropped, as its code does. The published code runs backward through all chains, most of it zeros;
// here all chains run forward without gradient, then the winner once more with it: the same gradient for K forward steps more.
import * as tf from '@tensorflow/tfjs-core'
import { recursionOf } from '../../shared/recursion.js'
import type { Parameters } from '../model/parameters.js'
import type { Thought, Trm } from '../model/trm.js'
import { gatherRows } from '../ops/gather-rows.js'
import type { FreshRows } from './carry.js'
import type { HeadValues } from './heads.js'
import { readHeads } from './heads.js'

export interface Race {
  /** What each row's winner started from, (rows * S, D) each. */
  readonly start: Thought
  /** Per row the chain that won. */
  readonly winners: readonly number[]
  /** The thoughts of all chains after the step, (rows * S, D) each, chain after chain. */
  readonly latents: readonly tf.Tensor2D[]
}

/** The first of the lowest. */
export const lowest = (losses: ArrayLike<number>): number => {
  let best = 0
  for (let i = 1; i < losses.length; i++) if ((losses[i] as number) < (losses[best] as number)) best = i
  return best
}

/** The states of one chain of a carry that holds all of them: its answer, and the thoughts of that chain. */
export function chainOf<T>(states: readonly [T, ...T[]], chain: number, latents: number): [T, ...T[]] {
  const [answer, ...all] = states
  return [answer, ...all.slice(chain * latents, (chain + 1) * latents)]
}

/**
 * Runs every chain, without gradient. The caller disposes what is returned; `start`, the answer and the thoughts of all chains, is
 * left alone.
 * @param losses of every row, from what the heads say
 */
export function race(
  trm: Trm,
  parameters: Parameters,
  x: tf.Tensor2D,
  start: Thought,
  rows: number,
  losses: (heads: HeadValues) => ArrayLike<number>,
): Race {
  const { chains } = trm.model
  const latents = recursionOf(trm.model).inits.length - 1
  const runs = Array.from({ length: chains }, (_, chain) => {
    const [answer, ...thoughts] = trm.think(parameters, x, chainOf(start, chain, latents), rows)
    const loss = losses(readHeads(trm, parameters, answer, rows))
    answer.dispose()
    return { thoughts, loss }
  })
  const winners = Array.from({ length: rows }, (_, row) => lowest(runs.map(({ loss }) => loss[row] as number)))
  const own = Array.from({ length: chains }, (_, chain) => chainOf(start, chain, latents).slice(1))
  const thoughts = Array.from({ length: latents }, (_, l) =>
    picked(
      own.map((chain) => chain[l]!),
      winners,
    ),
  )
  return { start: [tf.clone(start[0]), ...thoughts], winners, latents: runs.flatMap((run) => run.thoughts) }
}

/** Fresh states of each row's own chain, (rows * S, D) each: what a test row of that chain starts from. */
export function freshChains(fresh: FreshRows, chains: readonly number[], latents: number, hidden: number): Thought {
  const [answer, ...thoughts] = fresh
  const rows = (choices: readonly tf.Tensor2D[], index: readonly number[]): tf.Tensor2D =>
    tf.tidy(() => {
      const all = choices.length === 1 ? choices[0]! : tf.concat([...choices], 0)
      const flat = gatherRows(all, Int32Array.from(index))
      return tf.reshape(flat, [flat.size / hidden, hidden])
    })
  const own = Array.from({ length: latents }, (_, l) => thoughts.filter((_row, at) => at % latents === l))
  return [
    rows(
      [answer!],
      chains.map(() => 0),
    ),
    ...own.map((choices) => rows(choices, chains)),
  ]
}

/** Row r of the result is row r of choices[which[r]]; all are (rows * S, D). */
function picked(choices: readonly tf.Tensor2D[], which: readonly number[]): tf.Tensor2D {
  const rows = which.length
  return tf.tidy(() => {
    const [first] = choices
    const width = first!.size / rows
    const all = tf.concat(
      choices.map((choice): tf.Tensor2D => tf.reshape(choice, [rows, width])),
      0,
    )
    const index = Int32Array.from(which, (choice, row) => choice * rows + row)
    return tf.reshape(gatherRows(all, index), first!.shape)
  })
}
