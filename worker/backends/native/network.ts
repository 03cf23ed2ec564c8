// The op `network` on the native engine: its fused passes, as stacks.ts asks for them.
import * as tf from '@tensorflow/tfjs-core'
import { asTensor } from '../../ops/as-tensor.js'
import type { NetworkShape } from '../../ops/network.js'
import type { NativeBackend } from './backend.js'
import { nativeBackend } from './backend.js'
import type { NetworkHandle } from './engine.js'
import { NATIVE } from './name.js'
import { registerStacks, type FusedEngine } from './stacks.js'

/** Batch, positions, cos and sin, as a call takes them. */
function samplesOf(
  backend: NativeBackend,
  { batch, positions, rope }: NetworkShape,
): [number, number, Float32Array | null, Float32Array | null] {
  if (rope === null) return [batch, positions, null, null]
  return [batch, positions, backend.memoryOf(rope.cos), backend.memoryOf(rope.sin)]
}

const fusedOn = (backend: NativeBackend): FusedEngine<NetworkHandle> => ({
  fusesSwiglu: () => false,
  reserve: ({ hidden, heads, positions, layers, mixer, inner, mixerInner, eps, normed }) => {
    const { addon, handle } = backend.engine
    const attention = Number(mixer === 'attention')
    return addon.reserve(handle, [hidden, heads, positions, layers, attention, inner, mixerInner, eps], normed)
  },
  pack: (network, weights) => {
    const { addon, handle } = backend.engine
    addon.pack(handle, network, weights.map((w) => backend.memoryOf(w))) // prettier-ignore
  },
  forward: (network, h, injection, shape, saves) => {
    const { addon, handle } = backend.engine
    const y = backend.take(h.shape)
    const block = saves ? backend.take([addon.savedFloats(handle, network, shape.batch, shape.positions)]) : null
    const nothing = injection === null ? tf.zeros<tf.Rank.R2>(h.shape) : null
    const [from, added] = [backend.memoryOf(h), backend.memoryOf(injection ?? nothing!)]
    addon.forward(handle, network, from, added, ...samplesOf(backend, shape), y.values, block?.values ?? null)
    nothing?.dispose()
    return { y: asTensor(y.info), block: block && asTensor(block.info) }
  },
  backward: (network, block, dy, shape, sums) => {
    const { addon, handle } = backend.engine
    const dh = backend.take(dy.shape)
    const [kept, dOut] = [backend.memoryOf(block), backend.memoryOf(dy)]
    addon.backward(handle, network, kept, dOut, ...samplesOf(backend, shape), dh.values, sums.map((sum) => backend.memoryOf(sum))) // prettier-ignore
    return asTensor(dh.info)
  },
})

registerStacks(NATIVE, nativeBackend, fusedOn)
