// Weights, moments and average that stay on the GPU: of a step only the mean gradient goes there, and the new weights come back.
import { asTensor } from '../../../ops/as-tensor.js'
import { adamFactors, type Resident, type ResidentBuffers } from '../../../ops/update.js'
import type { DeviceArray } from './addon.js'
import { cudaBackend } from './backend.js'
import { pin } from './pinned.js'

export function reside(start: ResidentBuffers): Resident {
  const backend = cudaBackend()
  const { addon, device } = backend.engine
  const { length } = start.params
  for (const values of Object.values(start) as Float32Array[])
    if (values.length !== length) throw new RangeError('weights, moments and average differ in length')
  pin(start.params)
  const there = (values: Float32Array): DeviceArray => {
    const array = addon.allocate(device, length)
    addon.write(device, array, values)
    return array
  }
  const arrays = { params: there(start.params), ema: there(start.ema), m: there(start.m), v: there(start.v) }
  const gradient = addon.allocate(device, length)
  return {
    apply: (g, t, options, emaRate) => {
      if (g.length !== length)
        throw new RangeError(`a gradient of ${g.length} elements does not move ${length} weights`)
      const { decay, move, scale, keep1, keep2 } = adamFactors(t, options)
      const { params, ema, m, v } = arrays
      addon.write(device, gradient, g)
      addon.update(device, params, m, v, gradient, emaRate === null ? null : ema, [decay, move, scale, keep1, keep2], emaRate ?? 0) // prettier-ignore
      addon.read(device, params, start.params)
    },
    cut: (of) => (offset, rows, columns) => {
      const { info, array } = backend.take([rows, columns])
      addon.move(device, arrays[of], offset, columns, array, 0, columns, rows, columns)
      return asTensor(info)
    },
    read: (of) => {
      const values = new Float32Array(length)
      addon.read(device, arrays[of], values)
      return values
    },
    dispose: () => [...Object.values(arrays), gradient].forEach((array) => addon.release(device, array)),
  }
}
