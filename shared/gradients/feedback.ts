// What a sender of gradients keeps back for the next step. With `reduce.wire int8` rounding takes away up to 0.4 % of a block's
// largest number; the sender adds it to what it sends next (error feedback), so that over steps the sum of what
// arrived is the sum of what was meant, but for the last rounding. Workers keep it for their parts, owners for the means.
// Only commit changes what is carried: a step proposes, and the next step's number, or the one that an assignment names as
// committed, says whether that came true. A discarded step is sent again as the same bytes.
// A team that changes begins at zero, and so does a resumed run: what is carried is in no checkpoint (README, "What holds").
import type { ReduceConfig } from '../config/run-config.js'
import { encodeWire } from './bf16.js'
import { encodeInt8 } from './int8.js'

export class Sender {
  /** As of the last commit; `lost` is what it will be if the step under way commits. Empty where a wire needs none. */
  private carried: Float32Array
  private lost: Float32Array
  private committed = 0
  private proposed: number | undefined

  /** @param elements of everything this sender sends in a step */
  constructor(
    elements: number,
    private readonly wire: ReduceConfig['wire'],
  ) {
    const size = wire === 'int8' ? elements : 0
    this.carried = new Float32Array(size)
    this.lost = new Float32Array(size)
  }

  /** The last step that is known to be committed. */
  settle(committed: number): void {
    if (committed === this.proposed) [this.carried, this.lost] = [this.lost, this.carried]
    // We were not there, or the run went back to a checkpoint: what we carry belongs to nothing.
    else if (committed !== this.committed) this.carried.fill(0)
    this.committed = committed
    this.proposed = undefined
  }

  /** Another team: everybody begins at zero. */
  reset(committed: number): void {
    this.carried.fill(0)
    this.committed = committed
    this.proposed = undefined
  }

  /**
   * Encodes `values`, the numbers from `from` on, for the step after the committed one; again, if asked again.
   * @param into wireLength(values.length) bytes
   */
  encode(values: Float32Array, from: number, into: Uint8Array): void {
    if (this.wire !== 'int8') return encodeWire(values, this.wire, into)
    this.proposed = this.committed + 1
    const to = from + values.length
    encodeInt8(values, into, this.carried.subarray(from, to), this.lost.subarray(from, to))
  }
}
