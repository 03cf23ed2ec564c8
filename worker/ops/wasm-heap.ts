// Direct views of the wasm backend's memory, for kernels of ours that move rows about: its own Slice copies the whole input
// to the host first, and its Gather takes 200 ns per element (measured). Only for kernels registered for `wasm`.
import * as tf from '@tensorflow/tfjs-core'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { asTensor } from './as-tensor.js'

/**
 * A new f32 tensor, filled by `fill` from views of the inputs. Views die with the next allocation: use them at once.
 */
export function fillOnHeap<Shape extends number[], Out extends tf.Tensor>(
  shape: Shape,
  inputs: readonly tf.Tensor[],
  fill: (out: Float32Array, ...inputs: Float32Array[]) => void,
): Out {
  const backend = tf.backend() as BackendWasm
  const info = backend.makeOutput(shape, 'float32')
  const view = (tensor: tf.TensorInfo): Float32Array => backend.typedArrayFromHeap(tensor) as Float32Array
  fill(view(info), ...inputs.map(view))
  return asTensor<Out>(info)
}
