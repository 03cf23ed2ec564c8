// The op `update` on a GPU: the reference's arithmetic with its roundings, so that replicas on other engines keep the same bits;
// and how gradients come to the host.
import { orthogonalise } from '../../../ops/orthogonalise.js'
import { registerKernel } from '../../../ops/registry.js'
import type { UpdateKernel } from '../../../ops/update.js'
import { adamFactors } from '../../../ops/update.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'

/** Buffers that the GPU reads and writes by itself. Held for ever: memory that is given back must not stay pinned. */
const pinned = new Set<ArrayBufferLike>()

/** The workers' buffers live as long as the process; others may not, and are copied the slower way. */
function pin(values: Float32Array): void {
  if (!(values.buffer instanceof SharedArrayBuffer) || pinned.has(values.buffer)) return
  pinned.add(values.buffer)
  const { addon, device } = cudaBackend().engine
  addon.pin(device, new Float32Array(values.buffer, 0, Math.floor(values.buffer.byteLength / 4)))
}

const kernel: UpdateKernel = {
  adamAtan2: (p, m, v, g, t, options) => {
    const n = p.length
    if (m.length !== n || v.length !== n || g.length !== n)
      throw new RangeError(`buffers of ${n}, ${m.length}, ${v.length} and ${g.length} elements do not belong together`)
    pin(p)
    const { addon, device } = cudaBackend().engine
    const { decay, move, scale, keep1, keep2 } = adamFactors(t, options)
    addon.adamAtan2(device, p, m, v, g, [decay, move, scale, keep1, keep2])
  },
  // On the host: a card multiplies fast, but in an order of its own, and replicas must agree on every bit.
  orthogonalise,
  updateEma: (shadow, p, rate) => {
    const { addon, device } = cudaBackend().engine
    addon.average(device, shadow, p, rate)
  },
}

registerKernel('update', NATIVE_CUDA, kernel)
registerKernel('addInto', NATIVE_CUDA, (tensor, flat, offset) => {
  const backend = cudaBackend()
  const { addon, device } = backend.engine
  addon.read(device, backend.arrayOf(tensor), flat.subarray(offset, offset + tensor.size))
})
