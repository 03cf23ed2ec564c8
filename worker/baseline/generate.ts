// Greedy generation with a cache of keys and values: the prompt goes through once, then one token at a time. The prompt's
// keys and values stay where they are; only those of the answer grow, so that a long prompt is not copied for every token.
import * as tf from '@tensorflow/tfjs-core'
import { batchMatMul } from '../ops/batch-matmul.js'
import { primitives } from '../ops/primitives.js'
import type { RopeTables } from '../ops/rope.js'
import { fromHeads, headsOf } from './attention.js'
import { feedForward } from './block.js'
import type { LanguageModel } from './language-model.js'
import { rmsNorm } from './norm.js'
import { project } from './projection.js'

interface Cache {
  /** (heads, prompt, hd) */
  readonly k: tf.Tensor3D
  readonly v: tf.Tensor3D
  /** (heads, generated, hd); none before the first token. */
  newK: tf.Tensor3D | null
  newV: tf.Tensor3D | null
}

export interface Generated {
  readonly tokens: number[]
  /** Time of the prompt's pass, and of all later passes. */
  readonly promptMs: number
  readonly tokensMs: number
}

const best = (logits: Float32Array | Int32Array | Uint8Array): number => {
  let at = 0
  for (let i = 1; i < logits.length; i++) if ((logits[i] as number) > (logits[at] as number)) at = i
  return at
}

const appended = (before: tf.Tensor3D | null, one: tf.Tensor3D): tf.Tensor3D => {
  const all = before === null ? tf.clone(one) : tf.concat([before, one], 1)
  before?.dispose()
  return tf.keep(all)
}

/** softmax(q K^T) V over both parts of the cache. */
function look(q: tf.Tensor3D, { k, v, newK, newV }: Cache): tf.Tensor3D {
  const { add, softmax } = primitives()
  if (newK === null || newV === null) throw new Error('a token cannot look before its own key is there')
  const [heads, prompt] = k.shape
  const scores = tf.concat([batchMatMul(q, k, false, true), batchMatMul(q, newK, false, true)], 2)
  const p = softmax(scores)
  const old = tf.slice(p, [0, 0, 0], [heads, 1, prompt])
  const own = tf.slice(p, [0, 0, prompt], [heads, 1, newK.shape[1]])
  return add(batchMatMul(old, v), batchMatMul(own, newV))
}

/**
 * `count` tokens after `prompt`, or fewer when `until` (on `clock`, milliseconds) has passed. It never stops by itself: a
 * model with random weights does not know an end, so the caller asks for as many tokens as the answer has.
 */
export function generate(
  model: LanguageModel,
  prompt: Int32Array,
  count: number,
  clock: () => number,
  until = Infinity,
): Generated {
  const began = clock()
  const { heads } = model.shape
  const caches: Cache[] = []
  const h = model.hidden(prompt, (_layer, { k, v }) =>
    caches.push({ k: tf.keep(tf.clone(k)), v: tf.keep(tf.clone(v)), newK: null, newV: null }),
  )
  const rope = model.rope(prompt.length + count)
  const choose = (state: tf.Tensor2D): number => {
    const logits = model.logits(state)
    const token = best(logits.dataSync())
    logits.dispose()
    return token
  }
  const lastRow = tf.slice(h, [prompt.length - 1, 0], [1, model.shape.width])
  const tokens = [choose(lastRow)]
  tf.dispose([h, lastRow])
  const prompted = clock()
  // At least one step with the cache, or there is nothing to tell.
  while (tokens.length < count && (tokens.length < 2 || clock() < until)) {
    const at = prompt.length + tokens.length - 1
    const last = tokens.at(-1) ?? 0
    const state = tf.tidy(() => {
      const here: RopeTables = {
        cos: tf.slice(rope.cos, [0, at, 0], [1, 1, rope.cos.shape[2]]),
        sin: tf.slice(rope.sin, [0, at, 0], [1, 1, rope.sin.shape[2]]),
      }
      let x = model.embed(Int32Array.of(last))
      model.weights.blocks.forEach((block, layer) => {
        const cache = caches[layer]
        if (cache === undefined) throw new Error(`layer ${layer} has no cache`)
        const { q, k, v } = headsOf(rmsNorm(x, block.attentionGain), block, heads, here)
        cache.newK = appended(cache.newK, k)
        cache.newV = appended(cache.newV, v)
        x = feedForward(primitives().add(x, project(fromHeads(look(q, cache)), block.o)), block)
      })
      return x
    })
    tokens.push(choose(state))
    state.dispose()
  }
  for (const { k, v, newK, newV } of caches) tf.dispose([k, v, ...(newK && newV ? [newK, newV] : [])])
  return { tokens, promptMs: prompted - began, tokensMs: clock() - prompted }
}
