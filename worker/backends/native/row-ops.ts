// Ops of sub-layers on the native engine: calls of kernels/row-ops.h.
import { asTensor } from '../../ops/as-tensor.js'
import { nativeBackend } from './backend.js'
import { NATIVE } from './name.js'
import { registerSubLayerOps, type SubLayerOp } from './sub-layer-ops.js'

/** In the order of enum RowOp in kernels/engine.h. */
const OPS: readonly SubLayerOp[] = [
  'convolve',
  'convolveBack',
  'gate',
  'gateBack',
  'norm',
  'normBack',
  'activate',
  'activateBack',
  'scan',
  'scanBack',
  'product',
]

registerSubLayerOps(NATIVE, (op, inputs, shapes, numbers, grown = []) => {
  const backend = nativeBackend()
  const { addon, handle } = backend.engine
  const made = shapes.map((shape) => backend.take([...shape]))
  const arrays = [
    ...inputs.map((tensor) => backend.memoryOf(tensor)),
    ...made.map(({ values }) => values),
    ...grown.map((tensor) => backend.memoryOf(tensor)),
  ]
  addon.rowOp(handle, OPS.indexOf(op), arrays, numbers)
  return made.map(({ info }) => asTensor(info))
})
