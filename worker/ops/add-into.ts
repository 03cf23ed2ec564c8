// A tensor added to a piece of a flat buffer in host memory: how sums of gradients leave the device.
import type * as tf from '@tensorflow/tfjs-core'
import { kernelFor } from './registry.js'

/** flat[offset ..] += tensor; the caller has cleared the piece. */
export type AddIntoKernel = (tensor: tf.Tensor, flat: Float32Array, offset: number) => void

const reference: AddIntoKernel = (tensor, flat, offset) => {
  const values = tensor.dataSync<'float32'>()
  for (let i = 0; i < values.length; i++) flat[offset + i] = (flat[offset + i] as number) + (values[i] as number)
}

export const addInto: AddIntoKernel = (tensor, flat, offset) => kernelFor('addInto', reference)(tensor, flat, offset)
