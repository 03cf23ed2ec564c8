// The dense parameters on the device: pieces of one flat buffer, cut where the ops want them (spec 1.2). Uploaded once per
// optimizer step; the flat buffer stays the master copy.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import type { Layout } from '../../shared/gradients/layout.js'
import { layersOf } from '../../shared/recursion.js'
import type { AttentionWeights } from '../ops/attention.js'
import type { Weight } from '../ops/linear.js'
import { disposeWeight, linear } from '../ops/linear.js'
import type { LayerWeights } from '../ops/network.js'
import type { SwigluWeights } from '../ops/swiglu.js'

export interface Parameters {
  /** (V, D), and where its gradient goes. */
  readonly tokens: { readonly table: tf.Tensor2D; readonly offset: number }
  /** (S, D), only with learned positions. */
  readonly positions: { readonly table: tf.Tensor2D; readonly offset: number } | null
  /** Both heads as one weight (V + 2, D): the rows of lm_head, then q_head's two. */
  readonly heads: Weight
  /** q_head.bias: (q_halt, q_continue); added on the host. */
  readonly qBias: { readonly values: readonly [number, number]; readonly offset: number }
  /** Empty where the model has no such network. */
  readonly networks: Readonly<Record<'H' | 'L', readonly LayerWeights[]>>
  dispose(): void
}

export function uploadParameters(model: ModelConfig, layout: Layout, flat: Float32Array): Parameters {
  const entryOf = (name: string): Layout['entries'][number] => {
    const entry = layout.entries.find((one) => one.name === name)
    if (entry === undefined) throw new Error(`the layout has no ${name}: it was made for another model`)
    return entry
  }
  const owned: { dispose(): void }[] = []
  const matrix = (offset: number, rows: number, columns: number): tf.Tensor2D =>
    // A copy: the backend may read it later, and must not see the next update.
    tf.tensor2d(flat.slice(offset, offset + rows * columns), [rows, columns])
  const weight = (offset: number, rows: number, columns: number): Weight => {
    const made = linear().weight(offset, matrix(offset, rows, columns))
    owned.push({ dispose: () => disposeWeight(made) })
    return made
  }
  const table = (name: string): { table: tf.Tensor2D; offset: number } => {
    const { offset, shape } = entryOf(name)
    const made = matrix(offset, shape[0] ?? 0, shape[1] ?? 0)
    owned.push(made)
    return { table: made, offset }
  }
  /** Equal stacks of rows of one stored matrix, in order. */
  const stacked = (name: string, parts: number): Weight[] => {
    const { offset, shape } = entryOf(name)
    const rows = (shape[0] ?? 0) / parts
    const columns = shape[1] ?? 0
    return Array.from({ length: parts }, (_, i) => weight(offset + i * rows * columns, rows, columns))
  }
  const swigluOf = (name: string): SwigluWeights => {
    const [gate, up] = stacked(`${name}.gate_up_proj.weight`, 2) as [Weight, Weight]
    const [down] = stacked(`${name}.down_proj.weight`, 1) as [Weight]
    return { gate, up, down }
  }
  const attentionOf = (name: string): AttentionWeights => {
    const [q, k, v] = stacked(`${name}.qkv_proj.weight`, 3) as [Weight, Weight, Weight]
    const [o] = stacked(`${name}.o_proj.weight`, 1) as [Weight]
    return { q, k, v, o }
  }

  const networkOf = (network: string, layers: number): LayerWeights[] =>
    Array.from({ length: layers }, (_, i): LayerWeights => {
      const name = `${network}_level.layers.${i}`
      return {
        mixer:
          model.mixer === 'mlp'
            ? { kind: 'mlp', weights: swigluOf(`${name}.mlp_t`) }
            : { kind: 'attention', weights: attentionOf(`${name}.self_attn`) },
        mlp: swigluOf(`${name}.mlp`),
      }
    })

  const { H, L } = layersOf(model)
  const lmHead = entryOf('lm_head.weight')
  const qHead = entryOf('q_head.weight')
  if (qHead.offset !== lmHead.offset + lmHead.elements)
    throw new Error('q_head.weight does not follow lm_head.weight in the layout; the model reads them as one matrix')
  const bias = entryOf('q_head.bias')
  return {
    tokens: table('embed_tokens.embedding_weight'),
    positions: model.positions === 'learned' ? table('embed_pos.embedding_weight') : null,
    heads: weight(lmHead.offset, model.vocab + 2, model.hidden),
    qBias: { values: [flat[bias.offset] ?? 0, flat[bias.offset + 1] ?? 0], offset: bias.offset },
    networks: { H: networkOf('H', H), L: networkOf('L', L) },
    dispose: () => owned.forEach((one) => one.dispose()),
  }
}
