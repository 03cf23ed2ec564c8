// The op `network` on an engine of ours: every run of layers that its fused pass knows is one call, forward, forward with saves,
// backward; what lies between them (Mamba-2, ConvSwiGLU) is composed of the engine's smaller ops. Weights are packed at first use
// after an update; what a fused run keeps is one tensor.
import * as tf from '@tensorflow/tfjs-core'
import type { Gradients } from '../../ops/gradients.js'
import type { Table, Weight } from '../../ops/linear.js'
import type { NetworkKernel, NetworkSaved, NetworkShape, Stack, SubLayerWeights } from '../../ops/network.js'
import { composed } from '../../ops/network.js'
import { registerKernel } from '../../ops/registry.js'

/** Sizes of a fused run of layers. */
export interface FusedShape {
  readonly hidden: number
  readonly heads: number
  /** Of an MLP mixer; 0 else: they come with every pass. */
  readonly positions: number
  readonly layers: number
  /** none: layers are SwiGLU over channels alone. */
  readonly mixer: 'attention' | 'mlp' | 'none'
  /** Width of SwiGLU over channels; 0: layers are mixers alone. */
  readonly inner: number
  readonly mixerInner: number
  readonly eps: number
  readonly normed: boolean
}

export interface FusedEngine<Network> {
  /** Whether it fuses layers of SwiGLU alone, of this width. */
  fusesSwiglu(hidden: number, inner: number): boolean
  reserve(shape: FusedShape): Network
  pack(network: Network, weights: readonly tf.Tensor2D[]): void
  /** A pass of a fused run; with `saves`, what backward needs is in `block`. */
  forward(
    network: Network,
    h: tf.Tensor2D,
    injection: tf.Tensor2D | null,
    shape: NetworkShape,
    saves: boolean,
  ): { y: tf.Tensor2D; block: tf.Tensor1D | null }
  /** dh; the gradients of the weights are added to `sums`. */
  backward(
    network: Network,
    block: tf.Tensor1D,
    dy: tf.Tensor2D,
    shape: NetworkShape,
    sums: readonly tf.Tensor[],
  ): tf.Tensor2D
  /** Where work is recorded: the values of a weight that is read as it is, in `place` (a tensor that lasts), or in a new one. */
  settle?(values: tf.Tensor2D, place: tf.Tensor2D | undefined): tf.Tensor2D
}

type Parameter = Weight | Table
const tensorOf = (parameter: Parameter): tf.Tensor2D => ('w' in parameter ? parameter.w : parameter.table)
/** All parameters of a sub-layer, in an order that its kind gives. */
const parametersOf = ({ weights }: SubLayerWeights): [string, Parameter][] =>
  Object.entries(weights as unknown as Readonly<Record<string, Parameter>>)

/** In the order that the engines take them. */
const weightsOf = (subLayer: SubLayerWeights): Weight[] => {
  switch (subLayer.kind) {
    case 'attention': {
      const { q, k, v, o } = subLayer.weights
      return [q, k, v, o]
    }
    case 'mlp':
    case 'swiglu': {
      const { gate, up, down } = subLayer.weights
      return [gate, up, down]
    }
    default:
      throw new Error(`the fused pass does not know ${subLayer.kind}`)
  }
}

/** What is computed in one go: alike fused layers, or one sub-layer composed of smaller ops. */
interface Part {
  readonly stack: Stack
  /** Kinds of each layer. */
  readonly layer: string
  readonly fused: boolean
}

const isMixer = (subLayer: SubLayerWeights | undefined): boolean =>
  subLayer?.kind === 'attention' || subLayer?.kind === 'mlp'

/** The stack in order: layers that are alike and follow each other are one part. */
function partsOf(stack: Stack, fusesSwiglu: FusedEngine<unknown>['fusesSwiglu']): Part[] {
  const parts: Part[] = []
  for (let at = 0; at < stack.length;) {
    const first = stack[at]
    const mixes = isMixer(first)
    const [inner, hidden] = first?.kind === 'swiglu' ? first.weights.gate.w.shape : [0, 0]
    const fused = mixes || (inner > 0 && fusesSwiglu(hidden, inner))
    const subLayers = stack.slice(at, at + (mixes && stack[at + 1]?.kind === 'swiglu' ? 2 : 1))
    const layer = subLayers.map(({ kind }) => kind).join()
    const before = parts.at(-1)
    if (fused && before?.fused === true && before.layer === layer)
      parts.splice(-1, 1, { ...before, stack: [...before.stack, ...subLayers] })
    else parts.push({ stack: subLayers, layer, fused })
    at += subLayers.length
  }
  return parts
}

/** Channels: those that the projections of any sub-layer but SwiGLU over positions take. */
function widthOf(stack: Stack): number {
  for (const subLayer of stack) {
    if (subLayer.kind === 'attention') return subLayer.weights.q.w.shape[1]
    if (subLayer.kind === 'mamba') return subLayer.weights.z.w.shape[1]
    if (subLayer.kind !== 'mlp') return subLayer.weights.gate.w.shape[1]
  }
  throw new Error('a network of nothing but SwiGLU over positions has no width')
}

function fusedShapeOf(
  { stack, layer }: Part,
  hidden: number,
  { heads, positions, eps, normed }: NetworkShape,
): FusedShape {
  const gateOf = (kind: 'mlp' | 'swiglu'): number => {
    const found = stack.find((subLayer) => subLayer.kind === kind)
    return found === undefined ? 0 : (weightsOf(found)[0] as Weight).w.shape[0]
  }
  const mixer = layer.startsWith('attention') ? 'attention' : layer.startsWith('mlp') ? 'mlp' : 'none'
  const layers = stack.length / layer.split(',').length
  return { hidden, heads, positions: mixer === 'mlp' ? positions : 0, layers, mixer, inner: gateOf('swiglu'), mixerInner: gateOf('mlp'), eps, normed: normed === true } // prettier-ignore
}

interface PackedPart<Network> extends Part {
  /** Of a fused part. */
  readonly network: Network | null
  /** Of a composed part, where the engine settles: its parameters in order. */
  readonly settled: readonly tf.Tensor2D[]
}

interface Entry<Network> {
  readonly key: string
  readonly parts: readonly PackedPart<Network>[]
  readonly stack: Stack
}

/** Two networks, each in training and on average (HRM), are all that is ever in use; older ones are of replicas long gone. */
const KEPT = 4

const isGone = ({ stack }: { readonly stack: Stack }): boolean =>
  stack.some((subLayer) => parametersOf(subLayer).some(([, parameter]) => tensorOf(parameter).isDisposed))

class Stacks<Network> {
  private readonly entries: Entry<Network>[] = []

  constructor(private readonly engine: FusedEngine<Network>) {}

  /** What stays where it is as long as weights of these sizes take the place of such that are no more: for a recording. */
  places(stack: Stack, shape: NetworkShape): unknown[] {
    return this.packed(stack, shape).flatMap(({ network, settled }): unknown[] =>
      network === null ? [...settled] : [network],
    )
  }

  /**
   * Finds or makes the packed form of `stack`. It takes the place of one of the same sizes whose weights are no more; else, where there
   * are many, the one that was used longest ago gives way, and its memory if it fits.
   */
  private packed(stack: Stack, shape: NetworkShape): readonly PackedPart<Network>[] {
    const at = this.entries.findIndex((entry) => entry.stack === stack)
    const [known] = at < 0 ? [] : this.entries.splice(at, 1)
    const entry = known ?? this.make(stack, shape)
    this.entries.push(entry) // the last is the most recently used
    return entry.parts
  }

  private make(stack: Stack, shape: NetworkShape): Entry<Network> {
    const parts = partsOf(stack, (hidden, inner) => this.engine.fusesSwiglu(hidden, inner))
    const width = widthOf(stack)
    const shapes = parts.map((part) => (part.fused ? fusedShapeOf(part, width, shape) : null))
    const sizes = parts.map(({ stack: of }) => of.map((one) => parametersOf(one).map(([, parameter]) => tensorOf(parameter).shape))) // prettier-ignore
    const key = JSON.stringify([shapes, sizes])
    const leaving = this.leaving(key)
    const before = leaving?.key === key ? leaving.parts : []
    if (leaving !== undefined && leaving.key !== key) leaving.parts.forEach(({ settled }) => tf.dispose([...settled]))
    const packed = parts.map((part, i): PackedPart<Network> => {
      const size = shapes[i] ?? null
      if (size === null) return this.settle(part, before[i]?.settled)
      const network = before[i]?.network ?? this.engine.reserve(size)
      this.engine.pack(network, part.stack.flatMap(weightsOf).map(({ w }) => w)) // prettier-ignore
      return { ...part, network, settled: [] }
    })
    return { key, parts: packed, stack }
  }

  private leaving(key: string): Entry<Network> | undefined {
    const gone = this.entries.findIndex((entry) => entry.key === key && isGone(entry))
    if (gone >= 0) return this.entries.splice(gone, 1)[0]
    return this.entries.length >= KEPT ? this.entries.shift() : undefined
  }

  /** A composed part, its parameters where they last if the engine wants that. */
  private settle(part: Part, places: readonly tf.Tensor2D[] = []): PackedPart<Network> {
    const settle = this.engine.settle?.bind(this.engine)
    if (settle === undefined) return { ...part, network: null, settled: [] }
    const settled: tf.Tensor2D[] = []
    const stack = part.stack.map((subLayer): SubLayerWeights => {
      const weights = parametersOf(subLayer).map(([name, parameter]): [string, Parameter] => {
        const tensor = settle(tensorOf(parameter), places[settled.length])
        settled.push(tensor)
        const { offset } = parameter
        return [name, 'w' in parameter ? { offset, w: tensor, wT: null } : { offset, table: tensor }]
      })
      return { ...subLayer, weights: Object.fromEntries(weights) } as unknown as SubLayerWeights
    })
    return { ...part, stack, network: null, settled }
  }

  /** One part after the other; the injection is the first one's. */
  private pass(
    h: tf.Tensor2D,
    injection: tf.Tensor2D | null,
    stack: Stack,
    shape: NetworkShape,
    saves: boolean,
  ): { y: tf.Tensor2D; saved: NetworkSaved | null } {
    const saved: NetworkSaved[] = []
    let y = h
    for (const [i, part] of this.packed(stack, shape).entries()) {
      const from = y
      const added = i === 0 ? injection : null
      if (part.network !== null) {
        const { y: out, block } = this.engine.forward(part.network, from, added, shape, saves)
        if (block !== null) saved.push({ y: out, block })
        y = out
      } else if (saves) {
        const result = composed.forwardSaving(from, added, part.stack, shape)
        saved.push(result.saved)
        y = result.y
      } else y = composed.forward(from, added, part.stack, shape)
      if (!saves && i > 0) from.dispose()
    }
    return { y, saved: !saves ? null : saved.length === 1 ? (saved[0] ?? null) : { parts: saved } }
  }

  private partBack(
    { network, stack }: PackedPart<Network>,
    saved: NetworkSaved | undefined,
    dy: tf.Tensor2D,
    shape: NetworkShape,
    gradients: Gradients,
  ): tf.Tensor2D {
    if (saved !== undefined && network === null) return composed.backward(saved, dy, stack, shape, gradients)
    if (saved === undefined || network === null || !('block' in saved))
      throw new Error('what another backend saved cannot go back through this one')
    const sums = stack.flatMap(weightsOf).map(({ offset, w }) => gradients.sumAt(offset, w.shape))
    return this.engine.backward(network, saved.block, dy, shape, sums)
  }

  readonly kernel: NetworkKernel = {
    forward: (h, injection, stack, shape) => this.pass(h, injection, stack, shape, false).y,
    forwardSaving: (h, injection, stack, shape) => {
      const { y, saved } = this.pass(h, injection, stack, shape, true)
      if (saved === null) throw new Error('a saving pass kept nothing')
      return { y, saved }
    },
    backward: (saved, dy, stack, shape, gradients) => {
      const parts = this.packed(stack, shape)
      const kept = 'parts' in saved ? saved.parts : [saved]
      return parts.reduceRight((flow, part, i) => {
        const back = this.partBack(part, kept[i], flow, shape, gradients)
        if (flow !== dy) flow.dispose()
        return back
      }, dy)
    },
  }
}

/**
 * Makes `network` of the tfjs backend `name` the fused passes of the engine behind it. @returns the stacks of a backend
 * @param current the backend that computes now
 */
export function registerStacks<Backend extends object, Network>(
  name: string,
  current: () => Backend,
  engineOf: (backend: Backend) => FusedEngine<Network>,
): (backend: Backend) => Stacks<Network> {
  const all = new WeakMap<Backend, Stacks<Network>>()
  const stacksOf = (backend: Backend): Stacks<Network> => {
    const known = all.get(backend) ?? new Stacks(engineOf(backend))
    all.set(backend, known)
    return known
  }
  registerKernel('network', name, {
    forward: (...given) => stacksOf(current()).kernel.forward(...given),
    forwardSaving: (...given) => stacksOf(current()).kernel.forwardSaving(...given),
    backward: (...given) => stacksOf(current()).kernel.backward(...given),
  })
  return stacksOf
}
