// Ops of sub-layers on a GPU: calls of kernels/sub-layers.h.
import { asTensor } from '../../../ops/as-tensor.js'
import { registerSubLayerOps } from '../sub-layer-ops.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'

registerSubLayerOps(NATIVE_CUDA, (op, inputs, shapes, numbers, grown = []) => {
  const backend = cudaBackend()
  const { addon, device } = backend.engine
  const made = shapes.map((shape) => backend.take([...shape]))
  const sums = grown.map((tensor) => {
    const array = backend.arrayOf(tensor)
    backend.changed(tensor)
    return array
  })
  const arrays = [...inputs.map((tensor) => backend.arrayOf(tensor)), ...made.map(({ array }) => array), ...sums]
  addon.subLayer(device, op, arrays, numbers)
  return made.map(({ info }) => asTensor(info))
})
