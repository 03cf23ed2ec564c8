// In the star topology the coordinator owns every bucket: it adds the parts of all workers and publishes the means.
import type { ReduceConfig } from '../shared/config/run-config.js'
import type { Bucket } from '../shared/gradients/buckets.js'
import { treeTeamOf } from '../shared/gradients/group-tree.js'
import { OwnedBuckets } from '../shared/gradients/owner.js'
import { LOOK_MS } from '../shared/deadlines.js'
import { lacksOf, Patience } from '../shared/gradients/asking.js'
import type { Epoch, Step, WorkerId } from '../shared/ids.js'
import type { Bus } from '../shared/bus/bus.js'
import { decode, encode } from '../shared/protocol/codec.js'
import type { MessageOf } from '../shared/protocol/messages.js'
import { crc32 } from '../shared/protocol/crc32.js'
import { senderOf, type Subjects } from '../shared/protocol/subjects.js'
import { tolerant } from './tolerant.js'
import type { DroppedWhy } from './observer.js'

export class StarOwner {
  private readonly owned: OwnedBuckets
  private readonly subscription: { close(): void } | undefined
  private readonly looking: NodeJS.Timeout | undefined
  private readonly patience = new Patience()

  /** With the sharded topology it listens to nothing. */
  constructor(
    private readonly bus: Bus,
    private readonly subjects: Subjects,
    buckets: readonly Bucket[],
    private readonly reduce: ReduceConfig,
    onDropped: (why: DroppedWhy) => void,
    private readonly onAsked: () => void,
  ) {
    this.owned = new OwnedBuckets('coordinator', buckets, reduce, ({ index }, data) => this.publish(index, data))
    if (reduce.topology !== 'star') return
    this.subscription = bus.subscribe(subjects.partsFor('coordinator'), (bytes, subject) =>
      tolerant(
        () => {
          const message = decode('gradients', bytes)
          if (message.type === 'ask') return this.tellAgain(message)
          const forged = message.type === 'part' && message.source !== senderOf(subject)
          if (message.type !== 'part' || forged || crc32(message.data) !== message.crc) return onDropped('garbage')
          const { epoch, step, bucket, source, data, node } = message
          if (this.owned.offer(epoch, step, bucket, source, data, node) === 'stale') onDropped('stale')
        },
        () => onDropped('garbage'),
      ),
    )
    this.looking = setInterval(() => this.look(), LOOK_MS)
  }

  private publish(bucket: number, data: Uint8Array): void {
    const mean = { type: 'mean', ...this.owned.at, bucket, crc: crc32(data), data } as const
    this.bus.publish(this.subjects.mean('coordinator'), encode('gradients', mean))
  }

  private tellAgain({ epoch, step, buckets }: Extract<MessageOf<'gradients'>, { type: 'ask' }>): void {
    for (const index of buckets) {
      const finished = this.owned.finished(epoch, step, index)
      if (finished !== undefined) this.publish(index, finished.bytes)
    }
  }

  private look(): void {
    const lacking = this.owned.lacking()
    if (!this.patience.isOver(`${this.owned.at.epoch} ${this.owned.at.step}`, lacking.length)) return
    for (const lack of lacksOf(this.owned.at, lacking))
      this.bus.publish(this.subjects.mean('coordinator'), encode('gradients', lack))
    this.onAsked()
  }

  /** @param shares slots of each member, in order */
  assign(epoch: Epoch, step: Step, team: readonly WorkerId[], shares: readonly number[] = []): void {
    this.owned.assign(epoch, step, team, treeTeamOf(this.reduce, team, shares))
  }

  close(): void {
    this.subscription?.close()
    clearInterval(this.looking)
  }
}
