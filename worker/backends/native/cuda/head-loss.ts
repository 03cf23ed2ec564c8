// The op `headLoss` on a GPU: logits stay there, and three numbers of each row come back.
import { asTensor } from '../../../ops/as-tensor.js'
import { registerKernel } from '../../../ops/registry.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'

registerKernel('headLoss', NATIVE_CUDA, (out, input) => {
  const backend = cudaBackend()
  const { addon, device } = backend.engine
  const { rows, positions, first, vocab, labels, ignored, weight, bias, targets } = input
  const facts = new Float64Array(3 * rows)
  const { info, array } = backend.take(out.shape)
  addon.losses(
    device,
    backend.arrayOf(out),
    Int32Array.from(labels),
    targets === null ? null : Float64Array.from(targets),
    [rows, positions, first, vocab, ignored, weight, ...bias],
    facts,
    array,
  )
  return { facts, dOut: asTensor(info) }
})
