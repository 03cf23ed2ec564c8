// In the star topology the coordinator owns every bucket: it adds the parts of all workers and publishes the means.
import type { ReduceConfig } from '../shared/config/run-config.js'
import type { Bucket } from '../shared/gradients/buckets.js'
import { treeTeamOf } from '../shared/gradients/group-tree.js'
import { OwnedBuckets } from '../shared/gradients/owner.js'
import type { Epoch, Step, WorkerId } from '../shared/ids.js'
import type { Bus } from '../shared/bus/bus.js'
import { decode, encode } from '../shared/protocol/codec.js'
import { crc32 } from '../shared/protocol/crc32.js'
import type { Subjects } from '../shared/protocol/subjects.js'
import { tolerant } from './tolerant.js'
import type { DroppedWhy } from './observer.js'

export class StarOwner {
  private readonly owned: OwnedBuckets
  private readonly subscription: { close(): void } | undefined
  private tag: { epoch: Epoch; step: Step } = { epoch: 0 as Epoch, step: 0 as Step }

  /** With the sharded topology it listens to nothing. */
  constructor(
    bus: Bus,
    subjects: Subjects,
    buckets: readonly Bucket[],
    private readonly reduce: ReduceConfig,
    onDropped: (why: DroppedWhy) => void,
  ) {
    this.owned = new OwnedBuckets('coordinator', buckets, reduce, ({ index }, data) => {
      const mean = { type: 'mean', ...this.tag, bucket: index, crc: crc32(data), data } as const
      bus.publish(subjects.mean('coordinator'), encode('gradients', mean))
    })
    if (reduce.topology !== 'star') return
    this.subscription = bus.subscribe(subjects.partsFor('coordinator'), (bytes) =>
      tolerant(
        () => {
          const message = decode('gradients', bytes)
          if (message.type !== 'part' || crc32(message.data) !== message.crc) return onDropped('garbage')
          const { epoch, step, bucket, source, data, node } = message
          this.tag = { epoch, step }
          if (this.owned.offer(epoch, step, bucket, source, data, node) === 'stale') onDropped('stale')
        },
        () => onDropped('garbage'),
      ),
    )
  }

  /** @param shares slots of each member, in order */
  assign(epoch: Epoch, step: Step, team: readonly WorkerId[], shares: readonly number[] = []): void {
    this.owned.assign(epoch, step, team, treeTeamOf(this.reduce, team, shares))
  }

  close(): void {
    this.subscription?.close()
  }
}
