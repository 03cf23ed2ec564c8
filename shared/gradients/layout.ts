// The layout: the ordered table (name, shape, offset) of the dense parameters. It is the model's parameter list, the flat
// gradient, the checkpoint header and, hashed, what replicas compare before they may average. Names are the official ones
// (spec 1.2, under `inner.`); the order is theirs too. Buffers that no optimizer touches (H_init, L_init) are not in it.
import type { ModelConfig } from '../config/run-config.js'
import { layersOf } from '../recursion.js'
import type { Init } from '../sub-layers.js'
import { subLayersOf } from '../sub-layers.js'

export interface LayoutEntry {
  readonly name: string
  readonly shape: readonly number[]
  /** First element of this tensor in the flat buffer. */
  readonly offset: number
  readonly elements: number
  readonly init: Init
}

export interface Layout {
  readonly entries: readonly LayoutEntry[]
  /** Elements of the flat buffer. */
  readonly elements: number
}

/** Positions S of a sequence: puzzle positions and grid. */
export const positionsOf = (model: ModelConfig): number => model.puzzleEmbLen + model.seqLen

export function layoutOf(model: ModelConfig): Layout {
  const D = model.hidden
  const S = positionsOf(model)
  const entries: LayoutEntry[] = []
  let offset = 0
  const add = (name: string, shape: readonly number[], init: Init): void => {
    const elements = shape.reduce((a, b) => a * b, 1)
    entries.push({ name, shape, offset, elements, init })
    offset += elements
  }
  const normal = (fanIn: number): Init => ({ std: 1 / Math.sqrt(fanIn) })
  add('embed_tokens.embedding_weight', [model.vocab, D], normal(D))
  add('lm_head.weight', [model.vocab, D], normal(D))
  add('q_head.weight', [2, D], { constant: 0 })
  add('q_head.bias', [2], { constant: -5 })
  if (model.positions === 'learned') add('embed_pos.embedding_weight', [S, D], normal(D))
  const { H, L } = layersOf(model)
  const subLayers = subLayersOf(model, S)
  const names = (network: string, layers: number): string[] =>
    Array.from({ length: layers }, (_, i) => `${network}_level.layers.${i}`)
  for (const layer of [...names('H', H), ...names('L', L)]) {
    for (const { name, tensors } of subLayers)
      for (const tensor of tensors) add(`${layer}.${name}.${tensor.name}`, tensor.shape, tensor.init)
  }
  return { entries, elements: offset }
}

/** Text that two replicas must share before their gradients may be added; hash it for the wire. */
export const layoutText = (layout: Layout): string =>
  layout.entries.map((entry) => `${entry.name} ${entry.shape.join('x')} @${entry.offset}`).join('\n')
