// The op `network` on a GPU: the engine's fused passes, as ../stacks.ts asks for them. Parameters that are read as they are lie where
// they lasted, so that a recording finds them.
import * as tf from '@tensorflow/tfjs-core'
import { asTensor } from '../../../ops/as-tensor.js'
import type { NetworkShape, Stack } from '../../../ops/network.js'
import { registerStacks, type FusedEngine } from '../stacks.js'
import type { CudaNetwork, DeviceArray } from './addon.js'
import type { CudaBackend } from './backend.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'

/** As the addon takes them. */
const MIXERS = ['mlp', 'attention', 'none'] as const

/** Batch, positions, cos and sin, as a call takes them. */
function samplesOf(
  backend: CudaBackend,
  { batch, positions, rope }: NetworkShape,
): [number, number, DeviceArray | null, DeviceArray | null] {
  if (rope === null) return [batch, positions, null, null]
  return [batch, positions, backend.arrayOf(rope.cos), backend.arrayOf(rope.sin)]
}

const fusedOn = (backend: CudaBackend): FusedEngine<CudaNetwork> => ({
  fusesSwiglu: (hidden, inner) => hidden % 8 === 0 && inner % 8 === 0,
  reserve: ({ hidden, heads, positions, layers, mixer, inner, mixerInner, eps, normed }) => {
    const { addon, device } = backend.engine
    return addon.reserve(device, [hidden, heads, positions, layers, MIXERS.indexOf(mixer), inner, mixerInner, eps, Number(normed)]) // prettier-ignore
  },
  pack: (network, weights) => {
    const { addon, device } = backend.engine
    addon.pack(device, network, weights.map((w) => backend.arrayOf(w))) // prettier-ignore
  },
  forward: (network, h, injection, shape, saves) => {
    const { addon, device } = backend.engine
    // First, since they throw where a recording may not bring them.
    const [from, added] = [backend.arrayOf(h), injection && backend.arrayOf(injection)]
    const y = backend.take(h.shape)
    const block = saves ? backend.take([addon.savedFloats(device, network, shape.batch, shape.positions)]) : null
    addon.forward(device, network, from, added, ...samplesOf(backend, shape), y.array, block?.array ?? null)
    return { y: asTensor(y.info), block: block && asTensor(block.info) }
  },
  backward: (network, block, dy, shape, sums) => {
    const { addon, device } = backend.engine
    const arrays = sums.map((sum) => {
      const array = backend.arrayOf(sum)
      backend.changed(sum)
      return array
    })
    const dh = backend.take(dy.shape)
    const [kept, dOut] = [backend.arrayOf(block), backend.arrayOf(dy)]
    addon.backward(device, network, kept, dOut, ...samplesOf(backend, shape), dh.array, arrays)
    return asTensor(dh.info)
  },
  settle: (values, place) => {
    const { addon, device } = backend.engine
    const to = place ?? tf.keep(asTensor(backend.take(values.shape).info))
    addon.move(device, backend.arrayOf(values), 0, values.size, backend.arrayOf(to), 0, values.size, 1, values.size)
    backend.changed(to)
    return to
  },
})

const stacksOn = registerStacks(NATIVE_CUDA, cudaBackend, fusedOn)

/** For a recording: what must be in its place. */
export const placesOf = (backend: CudaBackend, stack: Stack, shape: NetworkShape): unknown[] =>
  stacksOn(backend).places(stack, shape)
