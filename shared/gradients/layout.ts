// The layout: the ordered table (name, shape, offset) of the dense parameters. It is the model's parameter list, the flat
// gradient, the checkpoint header and, hashed, what replicas compare before they may average. Names are the official ones
// (spec 1.2, under `inner.`); the order is theirs too. Buffers that no optimizer touches (H_init, L_init) are not in it.
import type { ModelConfig } from '../config/run-config.js'
import { layersOf } from '../recursion.js'

export interface LayoutEntry {
  readonly name: string
  readonly shape: readonly number[]
  /** First element of this tensor in the flat buffer. */
  readonly offset: number
  readonly elements: number
  /** Standard deviation of its truncated normal initialisation; or a constant. */
  readonly init: { readonly std: number } | { readonly constant: number }
}

export interface Layout {
  readonly entries: readonly LayoutEntry[]
  /** Elements of the flat buffer. */
  readonly elements: number
}

/** Python's round: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

/** Inner width of SwiGLU_n: 256 * ceil(round(expansion * n * 2/3) / 256) (spec 1.4). */
export function swigluWidth(n: number, expansion: number): number {
  return 256 * Math.ceil(roundHalfEven((expansion * n * 2) / 3) / 256)
}

/** Positions S of a sequence: puzzle positions and grid. */
export const positionsOf = (model: ModelConfig): number => model.puzzleEmbLen + model.seqLen

export function layoutOf(model: ModelConfig): Layout {
  const D = model.hidden
  const S = positionsOf(model)
  const entries: LayoutEntry[] = []
  let offset = 0
  const add = (name: string, shape: readonly number[], init: LayoutEntry['init']): void => {
    const elements = shape.reduce((a, b) => a * b, 1)
    entries.push({ name, shape, offset, elements, init })
    offset += elements
  }
  const normal = (fanIn: number): LayoutEntry['init'] => ({ std: 1 / Math.sqrt(fanIn) })
  add('embed_tokens.embedding_weight', [model.vocab, D], normal(D))
  add('lm_head.weight', [model.vocab, D], normal(D))
  add('q_head.weight', [2, D], { constant: 0 })
  add('q_head.bias', [2], { constant: -5 })
  if (model.positions === 'learned') add('embed_pos.embedding_weight', [S, D], normal(D))
  const { H, L } = layersOf(model)
  const names = (network: string, layers: number): string[] =>
    Array.from({ length: layers }, (_, i) => `${network}_level.layers.${i}`)
  for (const layer of [...names('H', H), ...names('L', L)]) {
    if (model.mixer === 'mlp') {
      const F = swigluWidth(S, model.expansion)
      add(`${layer}.mlp_t.gate_up_proj.weight`, [2 * F, S], normal(S))
      add(`${layer}.mlp_t.down_proj.weight`, [S, F], normal(F))
    } else {
      add(`${layer}.self_attn.qkv_proj.weight`, [3 * D, D], normal(D))
      add(`${layer}.self_attn.o_proj.weight`, [D, D], normal(D))
    }
    const F = swigluWidth(D, model.expansion)
    add(`${layer}.mlp.gate_up_proj.weight`, [2 * F, D], normal(D))
    add(`${layer}.mlp.down_proj.weight`, [D, F], normal(F))
  }
  return { entries, elements: offset }
}

/** Text that two replicas must share before their gradients may be added; hash it for the wire. */
export const layoutText = (layout: Layout): string =>
  layout.entries.map((entry) => `${entry.name} ${entry.shape.join('x')} @${entry.offset}`).join('\n')
