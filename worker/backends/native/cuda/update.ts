// The op `update` on a GPU: the reference's arithmetic with its roundings, so that replicas on other engines keep the same bits;
// and how gradients come to the host.
import { orthogonalise } from '../../../ops/orthogonalise.js'
import { registerKernel } from '../../../ops/registry.js'
import type { UpdateKernel } from '../../../ops/update.js'
import { adamFactors } from '../../../ops/update.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'
import { pin } from './pinned.js'
import { reside } from './resident.js'

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
  reside,
}

registerKernel('update', NATIVE_CUDA, kernel)
registerKernel('addInto', NATIVE_CUDA, (tensor, flat, offset) => {
  const backend = cudaBackend()
  const { addon, device } = backend.engine
  addon.read(device, backend.arrayOf(tensor), flat.subarray(offset, offset + tensor.size))
})
registerKernel('gradientHalves', NATIVE_CUDA, (sums, halves) => {
  const backend = cudaBackend()
  const { addon, device } = backend.engine
  pin(halves)
  const arrays = sums.map(([, tensor]) => backend.arrayOf(tensor))
  return addon.leaveHalves(device, arrays, sums.map(([offset]) => offset), halves, halves.length) // prettier-ignore
})
