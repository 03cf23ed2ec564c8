// What a network is made of, as data (spec 1.4): a layer is a sequence of sub-layers, each h <- norm(h + f(h)), where f mixes
// positions or channels. Everything that depends on the structure follows from this table: the layout and the names of its
// tensors, the weights on the device, the network op, FLOPs, memory, and what a file of weights tells about its model.
import type { ModelConfig } from './config/run-config.js'

/** How a tensor begins: a truncated normal of that standard deviation, or a constant. */
export type Init = { readonly std: number } | { readonly constant: number }

/** A tensor of the checkpoint, and the pieces, stacks of its rows in order, that the op reads. */
export interface StoredTensor {
  /** Official name, behind that of the sub-layer. */
  readonly name: string
  readonly shape: readonly number[]
  readonly init: Init
  /** Name of each piece among the weights of the op, and its rows. */
  readonly pieces: readonly (readonly [piece: string, rows: number])[]
  /** `weight`: the right operand of matrix products. `table`: read as it is. */
  readonly use: 'weight' | 'table'
}

/** What f is: self-attention; SwiGLU over positions (the official mlp_t); SwiGLU over channels. */
export type SubLayerKind = 'attention' | 'mlp' | 'swiglu'

export interface SubLayer {
  readonly kind: SubLayerKind
  /** Official name, behind that of the layer. */
  readonly name: string
  readonly tensors: readonly StoredTensor[]
  /** Forward, one sample: 2 per multiply-add of matrix products and attention. */
  readonly flops: number
  /** Numbers that backward needs of one sample, roughly: inputs of every product, attention weights, sums of the norm. */
  readonly kept: number
}

/** What mixes positions in a layer, by the setting model.mixer: kinds by their official names, in order. */
export const MIXERS: Readonly<Record<ModelConfig['mixer'], Readonly<Record<string, SubLayerKind>>>> = {
  attention: { self_attn: 'attention' },
  mlp: { mlp_t: 'mlp' },
}
/** What mixes channels, last in every layer. */
export const FEED_FORWARD = 'mlp'

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

type Sizes = Pick<ModelConfig, 'hidden' | 'heads' | 'expansion' | 'mixer'>
type Described = Omit<SubLayer, 'kind' | 'name'>

const normal = (fanIn: number): Init => ({ std: 1 / Math.sqrt(fanIn) })

/** A matrix (sum of the pieces' rows, columns), multiplied as it is stored. */
function matrix(name: string, columns: number, pieces: StoredTensor['pieces']): StoredTensor {
  const rows = pieces.reduce((sum, [, each]) => sum + each, 0)
  return { name, shape: [rows, columns], init: normal(columns), pieces, use: 'weight' }
}

/** SwiGLU_n on `rows` rows; `kept`: numbers of a sample beside the inner ones. */
function swigluOf(n: number, rows: number, expansion: number, kept: number): Described {
  const F = swigluWidth(n, expansion)
  return {
    tensors: [
      // prettier-ignore
      matrix('gate_up_proj.weight', n, [['gate', F], ['up', F]]),
      matrix('down_proj.weight', F, [['down', n]]),
    ],
    flops: 2 * rows * 3 * n * F,
    kept: kept + 3 * rows * F,
  }
}

const DESCRIBED: Readonly<Record<SubLayerKind, (model: Sizes, positions: number) => Described>> = {
  attention: ({ hidden: D, heads }, S) => ({
    tensors: [
      // prettier-ignore
      matrix('qkv_proj.weight', D, [['q', D], ['k', D], ['v', D]]),
      matrix('o_proj.weight', D, [['o', D]]),
    ],
    flops: 2 * S * 4 * D * D + 4 * S * S * D,
    kept: 7 * S * D + 2 * heads * S * S,
  }),
  mlp: ({ hidden: D, expansion }, S) => swigluOf(S, D, expansion, 4 * S * D),
  swiglu: ({ hidden: D, expansion }, S) => swigluOf(D, S, expansion, 2 * S * D),
}

/**
 * The sub-layers of one layer, in order; all layers of a model are alike.
 * @param positions S, on which FLOPs and memory depend, and the weights of SwiGLU over positions
 */
export function subLayersOf(model: Sizes, positions: number): SubLayer[] {
  const kinds = { ...MIXERS[model.mixer], [FEED_FORWARD]: 'swiglu' as const }
  return Object.entries(kinds).map(([name, kind]) => ({ kind, name, ...DESCRIBED[kind](model, positions) }))
}
