// What a kernel of ours made, as a tensor of the library: it counts, and an enclosing tidy lets it go.
import * as tf from '@tensorflow/tfjs-core'

export const asTensor = <T extends tf.Tensor = tf.Tensor2D>(info: tf.TensorInfo): T =>
  tf.engine().makeTensorFromTensorInfo(info) as T
