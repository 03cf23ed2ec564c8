// The loss head on backends that compute it where the logits are: what comes to the host are q and three numbers of each row.
import type * as tf from '@tensorflow/tfjs-core'
import type { HeadLossInput, HeadLossKernel } from '../ops/head-loss.js'
import type { LossResult, QGradients, QInput } from './loss.js'
import { Tally } from './loss.js'

/** As lossHead, without what only tests look at. The caller disposes dOut, the gradient of `out`. */
export function lossOnDevice(
  kernel: HeadLossKernel,
  out: tf.Tensor2D,
  input: HeadLossInput,
  q: QInput,
  gradients: QGradients,
): { sums: LossResult['sums']; dOut: tf.Tensor2D } {
  const { facts, dOut } = kernel(out, input)
  const tally = new Tally(q, gradients)
  for (let row = 0; row < input.rows; row++) {
    const [loss, valid, right] = facts.subarray(3 * row, 3 * row + 3) as unknown as [number, number, number]
    tally.sums.lmLoss += loss
    tally.row(row, valid, right)
  }
  return { sums: tally.result().sums, dOut }
}
