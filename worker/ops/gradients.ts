// Where the backward pass leaves the gradients of the weights: one running sum per piece of the flat buffer. A weight used
// by several network calls is summed in f32 in the order of the calls (spec 1.9).
import * as tf from '@tensorflow/tfjs-core'
import { addInto } from './add-into.js'
import { gradientHalves } from './gradient-halves.js'
import { primitives } from './primitives.js'

export class Gradients {
  private readonly sums = new Map<number, tf.Tensor>()

  /** Adds to the gradient of the piece that starts at `offset`. Consumes `gradient`; survives an enclosing tidy. */
  add(offset: number, gradient: tf.Tensor): void {
    const before = this.sums.get(offset)
    if (before === undefined) {
      this.sums.set(offset, tf.keep(gradient))
      return
    }
    this.sums.set(offset, tf.keep(primitives().add(before, gradient)))
    before.dispose()
    gradient.dispose()
  }

  /** The running sum of the piece at `offset`, zero at first, for a kernel that adds to its memory in place. */
  sumAt(offset: number, shape: readonly number[]): tf.Tensor {
    const known = this.sums.get(offset)
    if (known !== undefined) return known
    const made = tf.keep(tf.zeros([...shape]))
    this.sums.set(offset, made)
    return made
  }

  /** Adds every sum to `flat` (which the caller cleared) and lets the tensors go. */
  addTo(flat: Float32Array): void {
    for (const [offset, tensor] of this.sums) {
      addInto(tensor, flat, offset)
    }
    this.dispose()
  }

  /**
   * Writes every sum, rounded to bf16, to `halves`, zeros elsewhere, and lets the tensors go.
   * @returns whether all are finite; undefined, and nothing is done, where the backend leaves that to the host
   */
  leaveHalves(halves: Uint16Array): boolean | undefined {
    const finite = gradientHalves()?.([...this.sums], halves)
    if (finite !== undefined) this.dispose()
    return finite
  }

  dispose(): void {
    for (const tensor of this.sums.values()) tensor.dispose()
    this.sums.clear()
  }
}
