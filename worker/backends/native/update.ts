// The op `update` on the native engine: the reference's arithmetic with its roundings, on all threads.
import { registerKernel } from '../../ops/registry.js'
import type { UpdateKernel } from '../../ops/update.js'
import { adamFactors } from '../../ops/update.js'
import { nativeBackend } from './backend.js'
import { NATIVE } from './name.js'

const kernel: UpdateKernel = {
  adamAtan2: (p, m, v, g, t, options) => {
    const n = p.length
    if (m.length !== n || v.length !== n || g.length !== n)
      throw new RangeError(`buffers of ${n}, ${m.length}, ${v.length} and ${g.length} elements do not belong together`)
    const { addon, handle } = nativeBackend().engine
    const { decay, move, scale, keep1, keep2 } = adamFactors(t, options)
    addon.adamAtan2(handle, p, m, v, g, [decay, move, scale, keep1, keep2])
  },
  orthogonalise: (x, rows, columns) => {
    const { addon, handle } = nativeBackend().engine
    addon.orthogonalise(handle, x, rows, columns)
  },
  updateEma: (shadow, p, rate) => {
    const { addon, handle } = nativeBackend().engine
    addon.average(handle, shadow, p, rate)
  },
}

registerKernel('update', NATIVE, kernel)
