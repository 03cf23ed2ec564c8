// The dense parameters on the device: pieces of one flat buffer, cut where the ops want them (spec 1.2). Uploaded once per
// optimizer step; the flat buffer stays the master copy.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import type { Layout } from '../../shared/gradients/layout.js'
import { positionsOf } from '../../shared/gradients/layout.js'
import { layersOf } from '../../shared/recursion.js'
import { subLayersOf, type StoredTensor } from '../../shared/sub-layers.js'
import type { Table, Weight } from '../ops/linear.js'
import { disposeWeight, linear } from '../ops/linear.js'
import type { Stack, SubLayerWeights } from '../ops/network.js'
import type { Cut } from '../ops/update.js'

export interface Parameters {
  /** (V, D), and where its gradient goes. */
  readonly tokens: Table
  /** (S, D), only with learned positions. */
  readonly positions: Table | null
  /** Both heads as one weight (V + 2, D): the rows of lm_head, then q_head's two. */
  readonly heads: Weight
  /** q_head.bias: (q_halt, q_continue); added on the host. */
  readonly qBias: { readonly values: readonly [number, number]; readonly offset: number }
  /** Empty where the model has no such network. */
  readonly networks: Readonly<Record<'H' | 'L', Stack>>
  dispose(): void
}

/** @param flat the buffer, or what cuts tensors out of one that the backend keeps */
export function uploadParameters(model: ModelConfig, layout: Layout, flat: Float32Array | Cut): Parameters {
  const entryOf = (name: string): Layout['entries'][number] => {
    const entry = layout.entries.find((one) => one.name === name)
    if (entry === undefined) throw new Error(`the layout has no ${name}: it was made for another model`)
    return entry
  }
  const owned: { dispose(): void }[] = []
  const matrix: Cut = (offset, rows, columns) =>
    typeof flat === 'function'
      ? flat(offset, rows, columns)
      : // A copy: the backend may read it later, and must not see the next update.
        tf.tensor2d(flat.slice(offset, offset + rows * columns), [rows, columns])
  const weight = (offset: number, rows: number, columns: number): Weight => {
    const made = linear().weight(offset, matrix(offset, rows, columns))
    owned.push({ dispose: () => disposeWeight(made) })
    return made
  }
  const table = (offset: number, rows: number, columns: number): Table => {
    const made = matrix(offset, rows, columns)
    owned.push(made)
    return { table: made, offset }
  }
  const tableNamed = (name: string): Table => {
    const { offset, shape } = entryOf(name)
    return table(offset, shape[0] ?? 0, shape[1] ?? 0)
  }
  /** The pieces of a stored tensor, by name. */
  const piecesOf = (name: string, { shape, pieces, use }: StoredTensor): [string, Weight | Table][] => {
    let { offset } = entryOf(name)
    const columns = shape.slice(1).reduce((product, size) => product * size, 1)
    return pieces.map(([piece, rows]) => {
      const made = use === 'weight' ? weight(offset, rows, columns) : table(offset, rows, columns)
      offset += rows * columns
      return [piece, made]
    })
  }
  const subLayers = subLayersOf(model, positionsOf(model))
  const networkOf = (network: string, layers: number): Stack =>
    Array.from({ length: layers }, (_, i) =>
      subLayers.map(({ kind, name, tensors }) => {
        const at = `${network}_level.layers.${i}.${name}`
        const weights = Object.fromEntries(tensors.flatMap((tensor) => piecesOf(`${at}.${tensor.name}`, tensor)))
        // The table names the pieces as the ops do.
        return { kind, weights } as unknown as SubLayerWeights
      }),
    ).flat()

  const { H, L } = layersOf(model)
  const lmHead = entryOf('lm_head.weight')
  const qHead = entryOf('q_head.weight')
  if (qHead.offset !== lmHead.offset + lmHead.elements)
    throw new Error('q_head.weight does not follow lm_head.weight in the layout; the model reads them as one matrix')
  const { offset: bias } = entryOf('q_head.bias')
  const pair = matrix(bias, 1, 2)
  const [halt = 0, go = 0] = pair.dataSync<'float32'>()
  pair.dispose()
  return {
    tokens: tableNamed('embed_tokens.embedding_weight'),
    positions: model.positions === 'learned' ? tableNamed('embed_pos.embedding_weight') : null,
    heads: weight(lmHead.offset, model.vocab + 2, model.hidden),
    qBias: { values: [halt, go], offset: bias },
    networks: { H: networkOf('H', H), L: networkOf('L', L) },
    dispose: () => owned.forEach((one) => one.dispose()),
  }
}
