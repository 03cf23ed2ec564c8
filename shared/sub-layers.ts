// What a network is made of, as data (spec 1.4): a layer is a sequence of sub-layers, each h <- norm(h + f(h)), where f mixes
// positions or channels. Everything that depends on the structure follows from this table: the layout and the names of its
// tensors, the weights on the device, the network op, FLOPs, memory, and what a file of weights tells about its model.
import type { ModelConfig } from './config/run-config.js'

/** How a tensor begins: every element drawn from one of these, or constant. */
export type Init =
  /** A truncated normal of that standard deviation. */
  | { readonly std: number }
  | { readonly constant: number }
  /** Uniform between both. */
  | { readonly uniform: readonly [number, number] }
  /** The logarithm of a uniform number between both. */
  | { readonly logOfUniform: readonly [number, number] }
  /** What softplus turns into a number between both whose logarithm is uniform. */
  | { readonly softplusIsLogUniform: readonly [number, number] }

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

/**
 * What f is: self-attention; SwiGLU over positions (the official mlp_t); Mamba-2 (worker/ops/mamba.ts); SwiGLU over channels, or
 * with a short convolution inside (worker/ops/conv-swiglu.ts).
 */
export type SubLayerKind = 'attention' | 'mlp' | 'mamba' | 'swiglu' | 'conv-swiglu'

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

/** What mixes positions in a layer, by the setting model.mixer: kinds by their names, in order. */
export const MIXERS: Readonly<Record<ModelConfig['mixer'], Readonly<Record<string, SubLayerKind>>>> = {
  attention: { self_attn: 'attention' },
  mlp: { mlp_t: 'mlp' },
  mamba: { mamba: 'mamba' },
  // The hybrid of arXiv 2602.12078, whose one layer this is with SwiGLU (spec 11). It has no official names.
  hybrid: { mamba_1: 'mamba', mamba_2: 'mamba', self_attn: 'attention' },
}
/** The name of what mixes channels, last in every layer, and its kinds by the setting model.swiglu. */
export const FEED_FORWARD = 'mlp'
const SWIGLUS: Readonly<Record<ModelConfig['swiglu'], SubLayerKind>> = {
  plain: 'swiglu',
  conv: 'conv-swiglu',
  normed: 'swiglu', // of other arithmetic, of the same tensors
}

/** Of Mamba-2 (arXiv 2405.21060), as the hybrid has them: inner channels for each of h, and taps of the convolution. */
export const MAMBA_EXPAND = 2
const MAMBA_TAPS = 4
/** Taps of ConvSwiGLU (arXiv 2512.14693). */
const SWIGLU_TAPS = 2

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

type Sizes = Pick<
  ModelConfig,
  'hidden' | 'heads' | 'expansion' | 'mixer' | 'swiglu' | 'scan' | 'stateSize' | 'stateHead'
>
type Described = Omit<SubLayer, 'kind' | 'name'>

const normal = (fanIn: number): Init => ({ std: 1 / Math.sqrt(fanIn) })

/** A matrix (sum of the pieces' rows, columns), multiplied as it is stored. */
function matrix(name: string, columns: number, pieces: StoredTensor['pieces']): StoredTensor {
  const rows = pieces.reduce((sum, [, each]) => sum + each, 0)
  return { name, shape: [rows, columns], init: normal(columns), pieces, use: 'weight' }
}

/** A convolution's taps (C, 1, K) and bias (C), for the pieces' channels, as PyTorch stores and draws them. */
function convolution(name: string, taps: number, pieces: StoredTensor['pieces']): StoredTensor[] {
  const channels = pieces.reduce((sum, [, each]) => sum + each, 0)
  const init: Init = { uniform: [-1 / Math.sqrt(taps), 1 / Math.sqrt(taps)] }
  const named = (suffix: string): StoredTensor['pieces'] =>
    pieces.map(([piece, rows]) => [piece === '' ? suffix.toLowerCase() : `${piece}${suffix}`, rows])
  return [
    { name: `${name}.weight`, shape: [channels, 1, taps], init, pieces: named('Taps'), use: 'table' },
    { name: `${name}.bias`, shape: [channels], init, pieces: named('Bias'), use: 'table' },
  ]
}

/** A number per head or channel. */
const numbers = (name: string, piece: string, count: number, init: Init): StoredTensor => ({
  name,
  shape: [count],
  init,
  pieces: [[piece, count]],
  use: 'table',
})

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
  'conv-swiglu': ({ hidden: D, expansion }, S) => {
    const plain = swigluOf(D, S, expansion, 2 * S * D)
    const F = swigluWidth(D, expansion)
    return {
      ...plain,
      tensors: [...plain.tensors, ...convolution('dwconv', SWIGLU_TAPS, [['', F]])],
      kept: plain.kept + 3 * S * F,
    }
  },
  // Names and initial values of mamba_ssm's Mamba2, but for the projections, which begin as all others here do.
  mamba: ({ hidden: D, stateSize: N, stateHead, scan }, S) => {
    const E = MAMBA_EXPAND * D
    const H = E / stateHead
    const directions = scan === 'causal' ? 1 : 2
    return {
      tensors: [
        // prettier-ignore
        matrix('in_proj.weight', D, [['z', E], ['x', E], ['b', N], ['c', N], ['dt', H]]),
        // prettier-ignore
        ...convolution('conv1d', MAMBA_TAPS, [['x', E], ['b', N], ['c', N]]),
        numbers('dt_bias', 'dtBias', H, { softplusIsLogUniform: [1e-3, 0.1] }),
        numbers('A_log', 'aLog', H, { logOfUniform: [1, 16] }),
        numbers('D', 'd', H, { constant: 1 }),
        numbers('norm.weight', 'gain', E, { constant: 1 }),
        matrix('out_proj.weight', E, [['out', D]]),
      ],
      // The scan as its recurrence: each state takes a product in and gives one out.
      flops: 2 * S * D * (2 * E + 2 * N + H + E) + directions * 4 * S * E * N,
      kept: 3 * S * D + 4 * S * E + directions * 4 * S * (E + 2 * N),
    }
  },
}

/**
 * The sub-layers of one layer, in order; all layers of a model are alike.
 * @param positions S, on which FLOPs and memory depend, and the weights of SwiGLU over positions
 */
export function subLayersOf(model: Sizes, positions: number): SubLayer[] {
  const kinds = { ...MIXERS[model.mixer], [FEED_FORWARD]: SWIGLUS[model.swiglu] }
  return Object.entries(kinds).map(([name, kind]) => ({ kind, name, ...DESCRIBED[kind](model, positions) }))
}
