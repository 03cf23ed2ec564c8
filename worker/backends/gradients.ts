// The derivatives of tfjs-core's own ops. tfjs-core's Node build leaves them out (only its browser modules register them,
// on another instance of the library); the union package of tfjs carries them and registers them on ours.
import { createRequire } from 'node:module'
import * as tf from '@tensorflow/tfjs-core'

/** Makes `tf.grad` and `tf.customGrad` work on any backend of this thread. Idempotent. */
export function registerGradients(): void {
  const here = createRequire(import.meta.url)
  const union = createRequire(here.resolve('@tensorflow/tfjs-node-gpu/package.json'))('@tensorflow/tfjs') as typeof tf
  if (union.engine() !== tf.engine()) {
    throw new Error('internal: two instances of tfjs-core are loaded; run `npm ci` to get one')
  }
  if (tf.getGradient('Sum') === undefined) throw new Error('internal: tfjs registered no gradients')
}
