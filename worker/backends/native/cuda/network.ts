// The op `network` on a GPU: a whole pass, forward, forward with saves, backward, as one call each. Weights are packed on the
// device at first use after an update; what a pass keeps is one tensor.
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailable } from '../../../../shared/errors.js'
import type { Weight } from '../../../ops/linear.js'
import type { NetworkKernel, NetworkShape, Stack } from '../../../ops/network.js'
import { registerKernel } from '../../../ops/registry.js'
import type { CudaNetwork, CudaShape, DeviceArray } from './addon.js'
import type { CudaBackend } from './backend.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'

/** What the engine takes a network as: its sizes, and its weights in order. */
interface Described {
  readonly numbers: CudaShape
  readonly weights: readonly Weight[]
}

/** @throws BackendUnavailable if the kernels do not have such a network */
function described(stack: Stack, shape: NetworkShape): Described {
  const weights: Weight[] = []
  let widths = { hidden: 0, inner: 0, mixerInner: 0 }
  for (const [i, subLayer] of stack.entries()) {
    const mixes = i % 2 === 0
    if (mixes && subLayer.kind === 'attention') {
      const { q, k, v, o } = subLayer.weights
      weights.push(q, k, v, o)
    } else if (mixes && subLayer.kind === 'mlp') {
      const { gate, up, down } = subLayer.weights
      weights.push(gate, up, down)
      widths = { ...widths, mixerInner: gate.w.shape[0] }
    } else if (!mixes && subLayer.kind === 'swiglu') {
      const { gate, up, down } = subLayer.weights
      weights.push(gate, up, down)
      widths = { ...widths, inner: gate.w.shape[0], hidden: gate.w.shape[1] }
    } else {
      throw new BackendUnavailable(
        `the native engine has no CUDA kernels for a network of ${stack.map(({ kind }) => kind).join(', ')}`,
        'use --backend tensorflow on the GPU, or leave the GPU out',
      )
    }
  }
  const attention = stack[0]?.kind === 'attention'
  const positions = attention ? 0 : shape.positions
  const { hidden, inner, mixerInner } = widths
  return {
    numbers: [hidden, shape.heads, positions, stack.length / 2, Number(attention), inner, mixerInner, shape.eps, Number(shape.normed === true)], // prettier-ignore
    weights,
  }
}

interface PackedEntry {
  readonly stack: Stack
  readonly key: string
  readonly network: CudaNetwork
  readonly weights: readonly Weight[]
}

/** As many as are ever in use: two networks, each in training and on average. */
const KEPT = 4
const packedOf = new WeakMap<CudaBackend, PackedEntry[]>()

/**
 * The packed form of `stack`. It takes the place of one whose weights are no more, so that after an update weights lie where they
 * lay; else the one that was used longest ago gives way, and its memory if it fits.
 */
function packed(backend: CudaBackend, stack: Stack, shape: NetworkShape): PackedEntry {
  const entries = packedOf.get(backend) ?? []
  packedOf.set(backend, entries)
  const at = entries.findIndex((entry) => entry.stack === stack)
  const [known] = at < 0 ? [] : entries.splice(at, 1)
  const entry = known ?? make(backend, stack, shape, entries)
  entries.push(entry) // the last is the most recently used
  return entry
}

function leaving(entries: PackedEntry[], key: string): PackedEntry | undefined {
  const gone = entries.findIndex((entry) => entry.key === key && entry.weights.some(({ w }) => w.isDisposed))
  if (gone >= 0) return entries.splice(gone, 1)[0]
  return entries.length >= KEPT ? entries.shift() : undefined
}

/** For a recording: what must be in its place. */
export const packedNetwork = (backend: CudaBackend, stack: Stack, shape: NetworkShape): CudaNetwork =>
  packed(backend, stack, shape).network

function make(backend: CudaBackend, stack: Stack, shape: NetworkShape, entries: PackedEntry[]): PackedEntry {
  const { addon, device } = backend.engine
  const { numbers, weights } = described(stack, shape)
  const key = numbers.join(' ')
  const oldest = leaving(entries, key)
  const network = oldest?.key === key ? oldest.network : addon.reserve(device, numbers)
  addon.pack(device, network, weights.map(({ w }) => backend.arrayOf(w))) // prettier-ignore
  return { stack, key, network, weights }
}

/** Batch, positions, cos and sin, as a call takes them. */
function samplesOf(
  backend: CudaBackend,
  { batch, positions, rope }: NetworkShape,
): [number, number, DeviceArray | null, DeviceArray | null] {
  if (rope === null) return [batch, positions, null, null]
  return [batch, positions, backend.arrayOf(rope.cos), backend.arrayOf(rope.sin)]
}

const tensorOf = <T extends tf.Tensor>(info: tf.TensorInfo): T => tf.engine().makeTensorFromTensorInfo(info) as T

function pass(
  h: tf.Tensor2D,
  injection: tf.Tensor2D,
  stack: Stack,
  shape: NetworkShape,
  saves: boolean,
): { y: tf.Tensor2D; block: tf.Tensor1D | null } {
  const backend = cudaBackend()
  const { addon, device } = backend.engine
  const { network } = packed(backend, stack, shape)
  const y = backend.take(h.shape)
  const block = saves ? backend.take([addon.savedFloats(device, network, shape.batch, shape.positions)]) : null
  const [from, added] = [backend.arrayOf(h), backend.arrayOf(injection)]
  addon.forward(device, network, from, added, ...samplesOf(backend, shape), y.array, block?.array ?? null)
  return { y: tensorOf(y.info), block: block === null ? null : tensorOf(block.info) }
}

const kernel: NetworkKernel = {
  forward: (h, injection, stack, shape) => pass(h, injection, stack, shape, false).y,
  forwardSaving: (h, injection, stack, shape) => {
    const { y, block } = pass(h, injection, stack, shape, true)
    if (block === null) throw new Error('a saving pass kept nothing')
    return { y, saved: { y, block } }
  },
  backward: (saved, dy, stack, shape, gradients) => {
    if (!('block' in saved)) throw new Error('what another backend saved cannot go back through this one')
    const backend = cudaBackend()
    const { addon, device } = backend.engine
    const { network, weights } = packed(backend, stack, shape)
    const sums = weights.map(({ offset, w }) => {
      const sum = gradients.sumAt(offset, w.shape)
      const array = backend.arrayOf(sum)
      backend.changed(sum)
      return array
    })
    const dh = backend.take(dy.shape)
    const [block, dOut] = [backend.arrayOf(saved.block), backend.arrayOf(dy)]
    addon.backward(device, network, block, dOut, ...samplesOf(backend, shape), dh.array, sums)
    return tensorOf(dh.info)
  },
}

registerKernel('network', NATIVE_CUDA, kernel)
