// The op `network` on the native engine: a whole pass, forward, forward with saves, backward, as one call each; of a stack that
// has other sub-layers too (Mamba-2, ConvSwiGLU) every run of layers that the fused pass knows. Weights are packed at first use
// after an update; what a fused pass keeps is one tensor.
import * as tf from '@tensorflow/tfjs-core'
import type { Gradients } from '../../ops/gradients.js'
import type { Weight } from '../../ops/linear.js'
import type { NetworkKernel, NetworkSaved, NetworkShape, Stack, SubLayerWeights } from '../../ops/network.js'
import { composed } from '../../ops/network.js'
import { registerKernel } from '../../ops/registry.js'
import type { NativeBackend } from './backend.js'
import { nativeBackend } from './backend.js'
import type { NetworkHandle, ShapeNumbers } from './engine.js'
import { NATIVE } from './name.js'

/** In the order that the engine takes them. */
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

/** What is computed in one go: fused layers of a mixer and SwiGLU, or of mixers alone, or one sub-layer composed of row ops. */
interface Part {
  readonly stack: Stack
  readonly fused: boolean
}

const isMixer = (subLayer: SubLayerWeights | undefined): boolean =>
  subLayer?.kind === 'attention' || subLayer?.kind === 'mlp'

/** The stack in order: layers that are alike and follow each other are one part. */
function partsOf(stack: Stack): Part[] {
  const parts: Part[] = []
  const kindsOf = (layer: Stack): string => layer.map(({ kind }) => kind).join()
  for (let at = 0; at < stack.length;) {
    const fused = isMixer(stack[at])
    const layer = stack.slice(at, at + (fused && stack[at + 1]?.kind === 'swiglu' ? 2 : 1))
    const before = parts.at(-1)
    const alike = fused && before?.fused === true && kindsOf(before.stack.slice(-layer.length)) === kindsOf(layer)
    if (alike && before.stack.length % layer.length === 0)
      parts.splice(-1, 1, { stack: [...before.stack, ...layer], fused })
    else parts.push({ stack: layer, fused })
    at += layer.length
  }
  return parts
}

/** Of a fused part. */
function numbersOf(stack: Stack, hidden: number, shape: NetworkShape): ShapeNumbers {
  const [mixer, second] = stack
  const feedForward = second?.kind === 'swiglu' ? second : undefined
  if (mixer?.kind !== 'attention' && mixer?.kind !== 'mlp') throw new Error('a fused part begins with a mixer')
  const attention = mixer.kind === 'attention'
  const inner = feedForward?.weights.gate.w.shape[0] ?? 0
  const mixerInner = mixer.kind === 'attention' ? 0 : mixer.weights.gate.w.shape[0]
  const positions = attention ? 0 : shape.positions
  const layers = stack.length / (feedForward === undefined ? 1 : 2)
  return [hidden, shape.heads, positions, layers, Number(attention), inner, mixerInner, shape.eps]
}

interface PackedPart extends Part {
  /** Of a fused part. */
  readonly network: NetworkHandle | null
}

interface PackedEntry {
  readonly key: string
  readonly parts: readonly PackedPart[]
  readonly stack: Stack
}

/** Two networks, each in training and on average (HRM), are all that is ever in use; older ones are of replicas long gone. */
const KEPT = 4

/** Finds or makes the packed form of `stack`; the one that was used longest ago gives way, and its memory if it fits. */
class PackedWeights {
  private readonly entries: PackedEntry[] = []

  constructor(private readonly backend: NativeBackend) {}

  of(stack: Stack, width: number, shape: NetworkShape): readonly PackedPart[] {
    const at = this.entries.findIndex((entry) => entry.stack === stack)
    const [known] = at < 0 ? [] : this.entries.splice(at, 1)
    const entry = known ?? this.make(stack, width, shape)
    this.entries.push(entry) // the last is the most recently used
    return entry.parts
  }

  private make(stack: Stack, width: number, shape: NetworkShape): PackedEntry {
    const { addon, handle } = this.backend.engine
    const parts = partsOf(stack)
    const numbers = parts.map((part) => (part.fused ? numbersOf(part.stack, width, shape) : null))
    const normed = shape.normed === true
    const key = JSON.stringify([numbers, normed])
    const oldest = this.entries.length >= KEPT ? this.entries.shift() : undefined
    const packed = parts.map((part, i): PackedPart => {
      const sizes = numbers[i] ?? null
      if (sizes === null) return { ...part, network: null }
      const kept = oldest?.key === key ? oldest.parts[i]?.network : undefined
      const network = kept ?? addon.reserve(handle, sizes, normed)
      addon.pack(handle, network, part.stack.flatMap(weightsOf).map(({ w }) => this.backend.memoryOf(w))) // prettier-ignore
      return { ...part, network }
    })
    return { key, parts: packed, stack }
  }
}

const packedOf = new WeakMap<NativeBackend, PackedWeights>()
function packed(backend: NativeBackend): PackedWeights {
  const known = packedOf.get(backend) ?? new PackedWeights(backend)
  packedOf.set(backend, known)
  return known
}

/** Batch, positions, cos and sin, as a call takes them. */
function samplesOf(
  backend: NativeBackend,
  { batch, positions, rope }: NetworkShape,
): [number, number, Float32Array | null, Float32Array | null] {
  if (rope === null) return [batch, positions, null, null]
  return [batch, positions, backend.memoryOf(rope.cos), backend.memoryOf(rope.sin)]
}

function asTensor(info: tf.TensorInfo): tf.Tensor2D {
  return tf.engine().makeTensorFromTensorInfo(info) as tf.Tensor2D
}

interface Result {
  readonly y: tf.Tensor2D
  readonly saved: NetworkSaved | null
}

/** A fused part: one call. */
function fusedPass(
  network: NetworkHandle,
  h: tf.Tensor2D,
  injection: tf.Tensor2D,
  shape: NetworkShape,
  saves: boolean,
): Result {
  const backend = nativeBackend()
  const { addon, handle } = backend.engine
  const y = backend.take(h.shape)
  const block = saves ? backend.take([addon.savedFloats(handle, network, shape.batch, shape.positions)]) : null
  const [from, added] = [backend.memoryOf(h), backend.memoryOf(injection)]
  addon.forward(handle, network, from, added, ...samplesOf(backend, shape), y.values, block?.values ?? null)
  const out = asTensor(y.info)
  return { y: out, saved: block && { y: out, block: asTensor(block.info) as tf.Tensor as tf.Tensor1D } }
}

/** One part after the other; the injection is the first one's. */
function pass(h: tf.Tensor2D, injection: tf.Tensor2D, stack: Stack, shape: NetworkShape, saves: boolean): Result {
  const parts = packed(nativeBackend()).of(stack, h.shape[1], shape)
  const nothing = parts.length > 1 ? tf.zeros<tf.Rank.R2>(h.shape) : null
  const saved: NetworkSaved[] = []
  let y = h
  for (const [i, part] of parts.entries()) {
    const added = i === 0 ? injection : (nothing ?? injection)
    const from = y
    let result: Result
    if (part.network !== null) result = fusedPass(part.network, from, added, shape, saves)
    else if (saves) result = composed.forwardSaving(from, added, part.stack, shape)
    else result = { y: composed.forward(from, added, part.stack, shape), saved: null }
    y = result.y
    if (result.saved !== null) saved.push(result.saved)
    else if (i > 0) from.dispose()
  }
  nothing?.dispose()
  return { y, saved: !saves ? null : saved.length === 1 ? (saved[0] ?? null) : { parts: saved } }
}

function partBack(
  part: PackedPart,
  saved: NetworkSaved | undefined,
  dy: tf.Tensor2D,
  shape: NetworkShape,
  gradients: Gradients,
): tf.Tensor2D {
  if (saved !== undefined && part.network === null) return composed.backward(saved, dy, part.stack, shape, gradients)
  if (saved === undefined || part.network === null || !('block' in saved))
    throw new Error('what another backend saved cannot go back through this one')
  const backend = nativeBackend()
  const { addon, handle } = backend.engine
  const weights = part.stack.flatMap(weightsOf)
  const sums = weights.map(({ offset, w }) => backend.memoryOf(gradients.sumAt(offset, w.shape)))
  const dh = backend.take(dy.shape)
  const [block, dOut] = [backend.memoryOf(saved.block), backend.memoryOf(dy)]
  addon.backward(handle, part.network, block, dOut, ...samplesOf(backend, shape), dh.values, sums)
  return asTensor(dh.info)
}

const kernel: NetworkKernel = {
  forward: (h, injection, stack, shape) => pass(h, injection, stack, shape, false).y,
  forwardSaving: (h, injection, stack, shape) => {
    const { y, saved } = pass(h, injection, stack, shape, true)
    if (saved === null) throw new Error('a saving pass kept nothing')
    return { y, saved }
  },
  backward: (saved, dy, stack, shape, gradients: Gradients) => {
    const parts = packed(nativeBackend()).of(stack, dy.shape[1], shape)
    const kept = 'parts' in saved ? saved.parts : [saved]
    return parts.reduceRight((flow, part, i) => {
      const back = partBack(part, kept[i], flow, shape, gradients)
      if (flow !== dy) flow.dispose()
      return back
    }, dy)
  },
}

registerKernel('network', NATIVE, kernel)
