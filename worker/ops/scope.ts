// tf.tidy for results of any shape: tensors made inside and not returned are freed. The library's own type of a result
// admits neither interfaces nor null, though its walk over the result handles both.
import * as tf from '@tensorflow/tfjs-core'

export function scoped<Result extends object>(body: () => Result): Result {
  return tf.tidy(() => body() as unknown as tf.TensorContainerObject) as unknown as Result
}
