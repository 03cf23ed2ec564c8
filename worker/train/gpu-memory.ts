// Bytes that a replica lays on a GPU on our own kernels there (worker/backends/native/cuda): weights, the states that slots carry, what
// a micro-batch needs at the worst moment of a step, and what recorded graphs keep. test/native/gpu-memory.test.ts holds it against
// what the engine allocates.
import type { ModelConfig } from '../../shared/config/run-config.js'
import { layoutOf, positionsOf } from '../../shared/gradients/layout.js'
import { callsOf, latentsOf, layersOf, recursionOf, type Call, type Term } from '../../shared/recursion.js'
import { MAMBA_EXPAND, subLayersOf, swigluWidth, type SubLayer } from '../../shared/sub-layers.js'
import { MOST_RECORDED } from '../ops/replay.js'

export interface GpuLoad {
  /** Samples that go through the network together. */
  readonly batch: number
  /** Those whose carry lies on the GPU, at most. */
  readonly slots: number
  readonly recompute: boolean
  /** The recursion is recorded and played again (worker/ops/replay.ts). */
  readonly graphs: boolean
}

/** The same in parts. */
export interface GpuParts {
  /** Of every weight: value, average, both moments, gradient as it comes and as it is summed, and the matrices of both kinds. */
  readonly weights: number
  /** Of every slot, as of the last commit and as of the step after it. */
  readonly carries: number
  /** At the worst moment of a step: states, and what backward needs of the graded passes. */
  readonly step: number
  /** Room of the kernels, which stays. */
  readonly rooms: number
  /** Inputs, states and outputs of as many recordings as are kept, all of whole micro-batches. */
  readonly graphs: number
}

/** Rows that go through SwiGLU together at most (kBlockRows of the kernels). */
const BLOCK_ROWS = 2 ** 16

/** One sub-layer of a batch, in bytes. */
interface FusedBytes {
  /** What a pass leaves for backward, and what one without backward lays down. */
  readonly kept: number
  readonly passing: number
  /** What comes and goes meanwhile, forward and backward. */
  readonly forward: number
  readonly backward: number
}

/** One sub-layer composed of smaller ops, in bytes. */
interface ComposedBytes {
  readonly kept: number
  readonly passing: number
  readonly backward: number
  readonly rooms: number
  /** Beside those of every weight. */
  readonly weights: number
}

/** Positions that the scan takes together, and f32 of its states at once (kChunk and kMostFloats of the kernels). */
const SCAN_CHUNK = 32
const SCAN_FLOATS = 2 ** 27

/** Of an activation, and of a packed weight. */
const widthOf = ({ precision }: ModelConfig): number => (precision === 'f32' ? 4 : 2)

/** The mixer over positions multiplies with whole eights of them. */
function rowsOf(model: ModelConfig): number {
  const S = positionsOf(model)
  return model.mixer === 'mlp' ? 8 * Math.ceil(S / 8) : S
}

/** As network.h, forward.h and backward.h of the kernels cut their memory. Null of a sub-layer that is no part of a fused pass. */
function fusedBytes(model: ModelConfig, batch: number, { kind }: SubLayer): FusedBytes | null {
  const { hidden: D, heads, expansion } = model
  const width = widthOf(model)
  const rows = batch * rowsOf(model)
  switch (kind) {
    case 'attention': {
      const both = rows * (width * 5 * D + 4 * (heads + 1))
      return { kept: both, passing: both, forward: 0, backward: rows * (width * 4 * D + 4 * heads) }
    }
    case 'mlp': {
      const G = swigluWidth(positionsOf(model), expansion)
      const both = width * D * (rows + 2 * batch * G) + 8 * batch * D
      const sums = 8 * G * rowsOf(model)
      return { kept: both, passing: both, forward: width * batch * G * D, backward: (3 * width * G + 4) * batch * D + sums } // prettier-ignore
    }
    case 'swiglu': {
      const F = swigluWidth(D, expansion)
      const passing = rows * (width * D + 8)
      const wide = Math.min(rows, BLOCK_ROWS) * (3 * width * F + 4)
      return { kept: passing + 2 * width * rows * F, passing, forward: wide, backward: wide }
    }
    default:
      return null
  }
}

/**
 * Of a sub-layer that is no part of a fused pass, all in f32, tensor after tensor (worker/ops/mamba.ts, conv-swiglu.ts): what stays for
 * backward, what lies there while a pass is under way, and the rooms of its kernels (sub-layers.h). Null of a fused one.
 */
function composedBytes(model: ModelConfig, batch: number, { kind, tensors }: SubLayer): ComposedBytes | null {
  const { hidden: D, stateSize: N, stateHead: P, scan, expansion } = model
  const S = positionsOf(model)
  const rows = batch * S
  const width = widthOf(model)
  /** Operands of the widest product, as it multiplies. */
  const operands = (inner: number): number => width * (rows * (inner + D) + inner * D)
  // They lie there in f32 beside the others, of both kinds, instead of as matrices.
  const elements = tensors.reduce((all, { shape }) => all + shape.reduce((product, size) => product * size, 1), 0)
  const weights = (8 - 2 * width) * elements
  switch (kind) {
    case 'mamba': {
      const E = MAMBA_EXPAND * D
      const H = E / P
      const turned = scan === 'bidirectional' ? 1 : 0
      const inputs = E + 2 * N
      // Of every direction what the convolution is given, its sums and its results, and the steps.
      const kept = (1 + turned) * (3 * inputs + H) + 3 * E + D + 2
      const passing = kept + D + turned * 4 * E
      const back = 3 * E + 2 * inputs + H + turned * (2 * E + 4 * inputs + 3 * H) + 9 * D
      const chunks = Math.ceil(S / SCAN_CHUNK)
      const states = chunks * H * (N * P + 1)
      const scanned = 2 * Math.max(1, Math.min(batch, Math.floor(SCAN_FLOATS / states))) * states
      return {
        kept: 4 * rows * kept,
        passing: 4 * rows * passing,
        backward: 4 * rows * back,
        rooms: 4 * scanned + operands(E),
        weights,
      }
    }
    case 'conv-swiglu': {
      const F = swigluWidth(D, expansion)
      return { kept: 4 * rows * (5 * F + D + 1), passing: 4 * rows * (5 * F + 2 * D + 1), backward: 4 * rows * (4 * F + 3 * D), rooms: operands(F), weights } // prettier-ignore
    }
    default:
      return null
  }
}

/** Sums of several terms that calls read (worker/model/sums.ts): all that are made, and most at once. */
function sumsOf(calls: readonly Call[]): { made: number; most: number } {
  const live = new Map<string, readonly Term[]>()
  let [made, most] = [0, 0]
  for (const { reads, adds, writes } of calls) {
    for (const terms of [reads, adds]) {
      if (terms.length === 1 || live.has(terms.join('+'))) continue
      live.set(terms.join('+'), terms)
      made++
    }
    most = Math.max(most, live.size)
    for (const [key, terms] of live) if (terms.includes(writes)) live.delete(key)
  }
  return { made, most }
}

/**
 * States (S * D f32 of a sample) that a recording of the recursion keeps of every sample: copies of the question and of the states it
 * starts from, which lie at addresses of their own; and what it allocates on its way, whether as outputs or to be used again by every
 * replay: the states, one that is being written, and the sums that calls read. TRM: 3 and 4.
 */
export function recordedStates(model: ModelConfig): number {
  const states = recursionOf(model).inits.length
  return 1 + states + states + 1 + sumsOf(callsOf(model)).most
}

const sum = <Of extends string>(all: readonly Readonly<Record<Of, number>>[], of: Of): number =>
  all.reduce((total, one) => total + one[of], 0)
const most = <Of extends string>(all: readonly Readonly<Record<Of, number>>[], of: Of): number =>
  Math.max(0, ...all.map((one) => one[of]))

export function gpuParts(model: ModelConfig, { batch, slots, recompute, graphs }: GpuLoad): GpuParts {
  const { hidden: D, vocab, chains } = model
  const width = widthOf(model)
  const S = positionsOf(model)
  const { inits, graded } = recursionOf(model)
  const states = inits.length
  const carried = 1 + latentsOf(model)
  const state = 4 * batch * S * D
  const subLayers = subLayersOf(model, S)
  const fused = subLayers.flatMap((one) => fusedBytes(model, batch, one) ?? [])
  const composed = subLayers.flatMap((one) => composedBytes(model, batch, one) ?? [])
  const row = width * batch * rowsOf(model) * D
  const layers = layersOf(model)
  const kept = ({ network }: Call): number => layers[network] * (sum(fused, 'kept') + sum(composed, 'kept')) + row
  const calls = callsOf(model).slice(-graded)
  // From the states before the graded calls on, each call's own, and the sums they read.
  const sums = sumsOf(calls)
  const passes = states + graded + (recompute ? sums.made : sums.most)
  // Going forward there are also those that the step starts from, the question, and one under way. Going back, where a pass is
  // computed again, its output, its gradients and those of the states and the question.
  const forward = (carried + 2) * state
  const again = (states + 3) * state + Math.max(...calls.map(kept))
  const own = recompute ? Math.max(forward, again) : forward + calls.reduce((all, call) => all + kept(call), 0)
  const raced = chains === 1 ? 0 : chains * (states - 1)
  // Slots of one length come together anew in every step, and are turned by tables of their own.
  const trimmed = model.trim === 0 ? 0 : carried * state + 8 * batch * S * (D / model.heads)
  const heads = 8 * batch * S * (vocab + 2)
  return {
    weights:
      (8 * 4 + 2 * width + 2) * layoutOf(model).elements + 4 * S * D * states + (layers.H + layers.L) * sum(composed, 'weights'), // prettier-ignore
    carries: 2 * carried * Math.max(slots, batch) * 4 * S * D,
    step:
      (passes + raced) * state +
      own +
      trimmed +
      heads +
      Math.max(most(composed, 'passing'), most(composed, 'backward')),
    rooms: sum(fused, 'passing') + most(fused, 'forward') + row + most(fused, 'backward') + most(composed, 'rooms'),
    graphs: graphs ? MOST_RECORDED * (recordedStates(model) * state + most(composed, 'passing')) : 0,
  }
}

export const gpuBytes = (model: ModelConfig, load: GpuLoad): number =>
  Object.values(gpuParts(model, load) as unknown as Record<string, number>).reduce((sum, bytes) => sum + bytes, 0)
