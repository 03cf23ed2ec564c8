// The all-reduce of a run between replicas of one process: the same buckets, rounding, feedback and order of sums, with one
// owner of all buckets. No bit differs from the sharded one.
import type { ReduceConfig } from '../../../shared/config/run-config.js'
import { decodeWire } from '../../../shared/gradients/bf16.js'
import { planBuckets, wireLength, type Bucket } from '../../../shared/gradients/buckets.js'
import { Sender } from '../../../shared/gradients/feedback.js'
import { OwnedBuckets } from '../../../shared/gradients/owner.js'
import { epochOf, stepOf, type WorkerId } from '../../../shared/ids.js'
import { encode } from '../../../shared/protocol/codec.js'
import { crc32 } from '../../../shared/protocol/crc32.js'

const EPOCH = epochOf(1)

export class Exchange {
  private readonly buckets: readonly Bucket[]
  private readonly senders: readonly Sender[]
  private readonly owner: OwnedBuckets
  private buffers: readonly { readonly grad: Float32Array; readonly mean: Float32Array }[] = []
  private exchanges = 0
  private bytes = 0

  constructor(
    elements: number,
    private readonly reduce: ReduceConfig,
    private readonly team: readonly WorkerId[],
  ) {
    const star: ReduceConfig = { ...reduce, topology: 'star' }
    this.buckets = planBuckets(elements, star)
    this.senders = team.map(() => new Sender(elements, reduce.wire))
    this.owner = new OwnedBuckets('coordinator', this.buckets, star, (bucket, data) => this.spread(bucket, data))
    this.owner.assign(EPOCH, stepOf(0), team)
  }

  /** Sums what lies in every `grad` into every `mean`. @returns bytes of messages, sent and received by all workers */
  run(buffers: typeof this.buffers): number {
    const step = stepOf(++this.exchanges)
    this.buffers = buffers
    this.bytes = 0
    for (const { index: bucket, from, to } of this.buckets)
      this.team.forEach((source, i) => {
        const data = new Uint8Array(wireLength(to - from, this.reduce.wire))
        if (bucket === 0) this.senders[i]!.settle(step - 1)
        this.senders[i]!.encode(buffers[i]!.grad.subarray(from, to), from, data)
        const message = { type: 'part', epoch: EPOCH, step, bucket, node: 0, source, crc: crc32(data), data } as const
        this.bytes += encode('gradients', message).length
        this.owner.offer(EPOCH, step, bucket, source, data)
      })
    return this.bytes
  }

  private spread({ index: bucket, from, to }: Bucket, data: Uint8Array): void {
    for (const { mean } of this.buffers) {
      decodeWire(data, this.reduce.wire, mean.subarray(from, to))
      const message = {
        type: 'mean',
        epoch: EPOCH,
        step: stepOf(this.exchanges),
        bucket,
        crc: crc32(data),
        data,
      } as const
      this.bytes += encode('gradients', message).length
    }
  }
}
