// A decoder-only language model of the usual kind (shared/language/shape.ts), written on tfjs ops so that it runs on every
// backend: loss and gradients of one sequence, every token predicted from those before it, as in the published study.
import * as tf from '@tensorflow/tfjs-core'
import { activationBytes, type LanguageShape } from '../../shared/language/shape.js'
import { gatherRows } from '../ops/gather-rows.js'
import { linear } from '../ops/linear.js'
import { primitives } from '../ops/primitives.js'
import { ropeTables, type RopeTables } from '../ops/rope.js'
import type { AttentionSaved } from './attention.js'
import { blockBackward, blockForward, blockForwardSaving, type BlockSaved } from './block.js'
import { rmsNorm, rmsNormBackward } from './norm.js'
import type { ParameterGradients } from './projection.js'
import { matrixOf, type LanguageWeights } from './weights.js'

const ROPE_THETA = 10_000
/** Rows of logits at once: a whole sequence's are larger than the model. */
const LOGIT_ROWS = 512
/** Activations kept whole up to here; beyond, each layer is computed a second time in backward, as the study did. */
const KEEP_BYTES = 2 * 2 ** 30

export class LanguageModel {
  private readonly tables = new Map<number, RopeTables>()

  constructor(
    readonly shape: LanguageShape,
    readonly weights: LanguageWeights,
    /** Compute layers again in backward; default: if they would not fit. */
    private readonly recompute?: boolean,
  ) {
    if (shape.keyHeads !== shape.heads || !shape.tied)
      throw new RangeError('only tied models with as many key heads as heads are built')
  }

  recomputes(tokens: number): boolean {
    return this.recompute ?? activationBytes(this.shape, tokens, false) > KEEP_BYTES
  }

  /** For the first `tokens` positions; kept for the life of the model. */
  rope(tokens: number): RopeTables {
    let made = this.tables.get(tokens)
    if (made === undefined) {
      made = ropeTables(tokens, this.shape.width / this.shape.heads, ROPE_THETA)
      tf.keep(made.cos)
      tf.keep(made.sin)
      this.tables.set(tokens, made)
    }
    return made
  }

  embed(tokens: Int32Array): tf.Tensor2D {
    return gatherRows(this.weights.table.value, tokens)
  }

  /** The state before the last norm, (T, D). `onAttention` sees each layer's keys and values. */
  hidden(
    tokens: Int32Array,
    onAttention: (layer: number, saved: AttentionSaved) => void = () => undefined,
  ): tf.Tensor2D {
    const shape = { heads: this.shape.heads, rope: this.rope(tokens.length) }
    let h = this.embed(tokens)
    this.weights.blocks.forEach((block, layer) => {
      const next = blockForward(h, block, shape, (saved) => onAttention(layer, saved))
      h.dispose()
      h = next
    })
    return h
  }

  /** h (N, D) -> (N, vocab). */
  logits(h: tf.Tensor2D): tf.Tensor2D {
    return tf.tidy(() => linear().forward(rmsNorm(h, this.weights.finalGain), matrixOf(this.weights.table)))
  }

  /** Mean cross-entropy over the sequence; gradients of `weight` times it are added. */
  train(tokens: Int32Array, weight: number, gradients: ParameterGradients): number {
    const { blocks } = this.weights
    const inputs = tokens.subarray(0, -1)
    const shape = { heads: this.shape.heads, rope: this.rope(inputs.length) }
    const recompute = this.recomputes(inputs.length)
    const kept: (tf.Tensor2D | BlockSaved)[] = []
    let h = this.embed(inputs)
    for (const block of blocks) {
      if (recompute) {
        kept.push(h)
        h = blockForward(h, block, shape)
      } else {
        const { y, saved } = blockForwardSaving(h, block, shape)
        kept.push(saved)
        h = y
      }
    }
    const { loss, dh } = this.lossOf(h, tokens.subarray(1), weight, gradients)
    h.dispose()
    let flowing = dh
    for (let layer = blocks.length - 1; layer >= 0; layer--) {
      const block = blocks[layer]
      const of = kept.pop()
      if (block === undefined || of === undefined) throw new Error(`layer ${layer} kept nothing`)
      const next = tf.tidy(() => {
        const saved = of instanceof tf.Tensor ? blockForwardSaving(of, block, shape).saved : of
        return blockBackward(saved, flowing, block, shape, gradients)
      })
      tf.dispose(of as unknown as tf.TensorContainer)
      flowing.dispose()
      flowing = next
    }
    if (this.weights.table.trained) gradients.add(this.weights.table, this.tableGradient(inputs, flowing))
    flowing.dispose()
    return loss
  }

  /** Loss and gradient of the last state, a few rows of logits at a time. */
  private lossOf(
    h: tf.Tensor2D,
    labels: Int32Array,
    weight: number,
    gradients: ParameterGradients,
  ): { loss: number; dh: tf.Tensor2D } {
    const { table, finalGain } = this.weights
    const { width, vocab } = this.shape
    let loss = 0
    const parts: tf.Tensor2D[] = []
    for (let from = 0; from < labels.length; from += LOGIT_ROWS) {
      const here = labels.subarray(from, from + LOGIT_ROWS)
      const { right, dPart } = tf.tidy(() => {
        const { mul, mulReal, softmax, sub, sum } = primitives()
        const part = tf.slice(h, [from, 0], [here.length, width])
        const n = rmsNorm(part, finalGain)
        const p = softmax(linear().forward(n, matrixOf(table)))
        const wanted = tf.cast(tf.oneHot(tf.tensor1d(here, 'int32'), vocab), 'float32') as tf.Tensor2D
        const dLogits = mulReal(sub(p, wanted), weight / labels.length)
        if (table.trained) gradients.add(table, linear().gradWeight(dLogits, n))
        const dN = linear().gradInput(dLogits, matrixOf(table))
        return { right: sum(mul(p, wanted)), dPart: rmsNormBackward(part, dN, finalGain, gradients) }
      })
      for (const p of right.dataSync<'float32'>()) loss -= Math.log(p) / labels.length
      right.dispose()
      parts.push(dPart)
    }
    const dh = parts.length === 1 ? (parts[0] as tf.Tensor2D) : tf.concat(parts, 0)
    if (parts.length > 1) tf.dispose(parts)
    return { loss, dh }
  }

  /** Rows of equal tokens are added by a product with their few, then put in their places. */
  private tableGradient(tokens: Int32Array, dx: tf.Tensor2D): tf.Tensor2D {
    const distinct = [...new Set(tokens)]
    const row = new Map(distinct.map((token, i) => [token, i]))
    return tf.tidy(() => {
      const oneHot = new Float32Array(distinct.length * tokens.length)
      tokens.forEach((token, i) => (oneHot[(row.get(token) ?? 0) * tokens.length + i] = 1))
      const sums = tf.matMul(tf.tensor2d(oneHot, [distinct.length, tokens.length]), dx)
      const places = tf.tensor2d(Int32Array.from(distinct), [distinct.length, 1], 'int32')
      return tf.scatterND(places, sums, [this.shape.vocab, this.shape.width])
    })
  }

  /** Frees the position tables; the weights are their maker's. */
  dispose(): void {
    for (const { cos, sin } of this.tables.values()) tf.dispose([cos, sin])
    this.tables.clear()
  }
}
