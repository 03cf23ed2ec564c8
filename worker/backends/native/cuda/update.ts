// The op `update` on a GPU: the reference's arithmetic with its roundings, so that replicas on other engines keep the same bits.
import { registerKernel } from '../../../ops/registry.js'
import type { UpdateKernel } from '../../../ops/update.js'
import { adamFactors } from '../../../ops/update.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'

const kernel: UpdateKernel = {
  adamAtan2: (p, m, v, g, t, options) => {
    const n = p.length
    if (m.length !== n || v.length !== n || g.length !== n)
      throw new RangeError(`buffers of ${n}, ${m.length}, ${v.length} and ${g.length} elements do not belong together`)
    const { addon, device } = cudaBackend().engine
    const { decay, move, scale, keep1, keep2 } = adamFactors(t, options)
    addon.adamAtan2(device, p, m, v, g, [decay, move, scale, keep1, keep2])
  },
  updateEma: (shadow, p, rate) => {
    const { addon, device } = cudaBackend().engine
    addon.average(device, shadow, p, rate)
  },
}

registerKernel('update', NATIVE_CUDA, kernel)
