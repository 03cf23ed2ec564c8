// The op `embedding` on a GPU: rows by token, and the gradient of the table summed by token in a fixed order.
import * as tf from '@tensorflow/tfjs-core'
import { asTensor } from '../../../ops/as-tensor.js'
import type { EmbeddingKernel } from '../../../ops/embedding.js'
import { registerKernel } from '../../../ops/registry.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'

const kernel: EmbeddingKernel = {
  forward: (table, tokens) => tf.tidy(() => tf.gather(table, tf.tensor1d(Int32Array.from(tokens), 'int32'))),
  gradTable: (tokens, vocab, dy) => {
    const backend = cudaBackend()
    const { addon, device } = backend.engine
    const [count, width] = dy.shape
    const { info, array } = backend.take([vocab, width])
    addon.gradTable(device, backend.arrayOf(dy), Int32Array.from(tokens), count, array, vocab, width)
    return asTensor(info)
  },
}

registerKernel('embedding', NATIVE_CUDA, kernel)
