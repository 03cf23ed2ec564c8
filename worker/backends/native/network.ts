// The op `network` on the native engine: a whole pass, forward, forward with saves, backward, as one call each. Weights are
// packed at first use after an update; what a pass keeps is one tensor.
import * as tf from '@tensorflow/tfjs-core'
import type { Gradients } from '../../ops/gradients.js'
import type { Weight } from '../../ops/linear.js'
import type { NetworkKernel, NetworkShape, Stack, SubLayerWeights } from '../../ops/network.js'
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
      throw unknown([subLayer])
  }
}

const unknown = (stack: Stack): Error =>
  new Error(`the native engine does not know a network of ${stack.map(({ kind }) => kind).join(', ')}`)

/** The engine knows layers of two: a mixer and SwiGLU. */
function numbersOf(stack: Stack, shape: NetworkShape): ShapeNumbers {
  const [mixer, feedForward] = stack
  const alike = stack.every(({ kind }, i) => kind === (i % 2 === 0 ? mixer?.kind : 'swiglu'))
  if (feedForward?.kind !== 'swiglu' || (mixer?.kind !== 'attention' && mixer?.kind !== 'mlp') || !alike)
    throw unknown(stack)
  const [inner, hidden] = feedForward.weights.gate.w.shape
  const attention = mixer.kind === 'attention'
  const mixerInner = mixer.kind === 'attention' ? 0 : mixer.weights.gate.w.shape[0]
  const positions = attention ? 0 : shape.positions
  return [hidden, shape.heads, positions, stack.length / 2, Number(attention), inner, mixerInner, shape.eps]
}

interface PackedEntry {
  readonly key: string
  readonly network: NetworkHandle
  readonly stack: Stack
}

/** Two networks, each in training and on average (HRM), are all that is ever in use; older ones are of replicas long gone. */
const KEPT = 4

/** Finds or makes the packed form of `stack`; the one that was used longest ago gives way, and its memory if it fits. */
class PackedWeights {
  private readonly entries: PackedEntry[] = []

  constructor(private readonly backend: NativeBackend) {}

  of(stack: Stack, shape: NetworkShape): NetworkHandle {
    const at = this.entries.findIndex((entry) => entry.stack === stack)
    const [known] = at < 0 ? [] : this.entries.splice(at, 1)
    const entry = known ?? this.make(stack, shape)
    this.entries.push(entry) // the last is the most recently used
    return entry.network
  }

  private make(stack: Stack, shape: NetworkShape): PackedEntry {
    const { addon, handle } = this.backend.engine
    const numbers = numbersOf(stack, shape)
    const key = numbers.join(' ')
    const oldest = this.entries.length >= KEPT ? this.entries.shift() : undefined
    const network = oldest?.key === key ? oldest.network : addon.reserve(handle, numbers)
    addon.pack(handle, network, stack.flatMap(weightsOf).map(({ w }) => this.backend.memoryOf(w))) // prettier-ignore
    return { key, network, stack }
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

function pass(
  h: tf.Tensor2D,
  injection: tf.Tensor2D,
  stack: Stack,
  shape: NetworkShape,
  saves: boolean,
): { y: tf.Tensor2D; block: tf.Tensor1D | null } {
  const backend = nativeBackend()
  const { addon, handle } = backend.engine
  const network = packed(backend).of(stack, shape)
  const y = backend.take(h.shape)
  const block = saves ? backend.take([addon.savedFloats(handle, network, shape.batch, shape.positions)]) : null
  const [from, added] = [backend.memoryOf(h), backend.memoryOf(injection)]
  addon.forward(handle, network, from, added, ...samplesOf(backend, shape), y.values, block?.values ?? null)
  return { y: asTensor(y.info), block: block === null ? null : (asTensor(block.info) as tf.Tensor as tf.Tensor1D) }
}

const kernel: NetworkKernel = {
  forward: (h, injection, stack, shape) => pass(h, injection, stack, shape, false).y,
  forwardSaving: (h, injection, stack, shape) => {
    const { y, block } = pass(h, injection, stack, shape, true)
    if (block === null) throw new Error('a saving pass kept nothing')
    return { y, saved: { y, block } }
  },
  backward: (saved, dy, stack, shape, gradients: Gradients) => {
    if (!('block' in saved)) throw new Error('what another backend saved cannot go back through this one')
    const backend = nativeBackend()
    const { addon, handle } = backend.engine
    const network = packed(backend).of(stack, shape)
    const sums = stack.flatMap(weightsOf).map(({ offset, w }) => backend.memoryOf(gradients.sumAt(offset, w.shape)))
    const dh = backend.take(dy.shape)
    const [block, dOut] = [backend.memoryOf(saved.block), backend.memoryOf(dy)]
    addon.backward(handle, network, block, dOut, ...samplesOf(backend, shape), dh.values, sums)
    return asTensor(dh.info)
  },
}

registerKernel('network', NATIVE, kernel)
