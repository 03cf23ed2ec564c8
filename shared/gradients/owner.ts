// The buckets that one process owns: it sums everybody's parts and hands out the mean. Used by workers (sharded) and by the
// coordinator (star) alike. Parts of a step may come before we have begun it ourselves; parts of any other step are stale.
// ("Mean": the loss is divided by the global number of slots before backward, so the sum over workers is the mean over slots.)
import type { ReduceConfig } from '../config/run-config.js'
import type { Epoch, Step, WorkerId } from '../ids.js'
import { ownerOf, sameTeam, wireLength, type Bucket, type Owner } from './buckets.js'
import { Sender } from './feedback.js'
import type { TreeTeam } from './group-tree.js'
import { BucketSum, type Offered } from './reduce.js'
import { TreeSum } from './tree-sum.js'

/** A part that has not come. */
export interface Lacking {
  readonly source: WorkerId
  readonly bucket: number
  readonly node: number
}

interface Owned {
  readonly bucket: Bucket
  readonly sum: BucketSum<WorkerId> | TreeSum
  readonly values: Float32Array
  readonly bytes: Uint8Array
  readonly sender: Sender
}

export class OwnedBuckets {
  private owned = new Map<number, Owned>()
  private epoch = -1
  private step = -1
  private team: readonly WorkerId[] = []
  private tree: TreeTeam | undefined
  private contributed = false

  /** @param onMean gets the wire bytes of a finished bucket, valid until the next step */
  constructor(
    private readonly me: Owner,
    private readonly buckets: readonly Bucket[],
    private readonly reduce: ReduceConfig,
    private readonly onMean: (bucket: Bucket, bytes: Uint8Array) => void,
  ) {}

  /** A new membership; `step` is the last committed one. The team's order is the order of the sums, unless a tree is given. */
  assign(epoch: Epoch, step: Step, team: readonly WorkerId[], tree?: TreeTeam): void {
    const changed = !sameTeam(team, this.team)
    this.epoch = epoch
    this.team = team
    this.tree = tree
    const mine = this.buckets.filter((bucket) => ownerOf(bucket, team, this.reduce.topology) === this.me)
    this.owned = new Map(mine.map((bucket) => [bucket.index, this.owned.get(bucket.index) ?? this.own(bucket)]))
    if (changed) for (const { sender } of this.owned.values()) sender.reset(step)
    this.begin(step + 1)
  }

  /** The step being summed. */
  get at(): { readonly epoch: Epoch; readonly step: Step } {
    return { epoch: this.epoch as Epoch, step: this.step as Step }
  }

  /** Parts that have not come, once the first of the step has. */
  lacking(): Lacking[] {
    if (!this.contributed) return []
    return [...this.owned.values()].flatMap(({ bucket, sum }) =>
      sum.missing().map(({ source, node }) => ({ source, bucket: bucket.index, node })),
    )
  }

  /** The wire bytes of a bucket whose sum is complete in this step. */
  finished(
    epoch: Epoch,
    step: Step,
    index: number,
  ): { readonly bucket: Bucket; readonly bytes: Uint8Array } | undefined {
    const owned = this.owned.get(index)
    if (epoch !== this.epoch || step !== this.step || owned?.sum.done !== true) return undefined
    return owned
  }

  get indices(): readonly number[] {
    return [...this.owned.keys()]
  }

  /** @throws WireError when the length is not that of the bucket */
  offer(epoch: Epoch, step: Step, index: number, source: WorkerId, bytes: Uint8Array, node = 0): Offered | 'stale' {
    if (epoch === this.epoch && step === this.step + 1) this.begin(step)
    if (epoch !== this.epoch || step !== this.step) return 'stale'
    const owned = this.owned.get(index)
    if (owned === undefined) return 'unknown'
    const offered = owned.sum instanceof TreeSum ? owned.sum.offer(source, node, bytes) : owned.sum.offer(source, bytes)
    if (offered === 'added' || offered === 'waiting') this.contributed = true
    if (offered === 'added' && owned.sum.done) {
      owned.sender.encode(owned.values, 0, owned.bytes)
      this.onMean(owned.bucket, owned.bytes)
    }
    return offered
  }

  private begin(step: number): void {
    this.step = step
    this.contributed = false
    for (const { sum, sender } of this.owned.values()) {
      if (!(sum instanceof TreeSum)) sum.begin(this.team)
      else if (this.tree !== undefined) sum.begin(this.tree)
      sender.settle(step - 1)
    }
  }

  private own(bucket: Bucket): Owned {
    const values = new Float32Array(bucket.to - bucket.from)
    return {
      bucket,
      values,
      sum:
        this.reduce.mode === 'exact'
          ? new TreeSum(values, this.reduce.wire)
          : new BucketSum<WorkerId>(values, this.reduce.wire),
      bytes: new Uint8Array(wireLength(values.length, this.reduce.wire)),
      sender: new Sender(values.length, this.reduce.wire),
    }
  }
}
