// All-reduce of the flat gradient over the bus: every worker sends each bucket to its owner, owners add the parts in slot
// order and publish the mean, everybody collects the means in the arena. Bytes in flight are bounded by the bus's credit;
// damaged, stale and repeated messages are counted and dropped, and what is missing is asked for again (shared/gradients/asking.ts).
import { decodeWire } from '../shared/gradients/bf16.js'
import { ownerOf, planBuckets, sameTeam, wireLength, type Bucket, type Owner } from '../shared/gradients/buckets.js'
import { Sender } from '../shared/gradients/feedback.js'
import { treeTeamOf } from '../shared/gradients/group-tree.js'
import { LOOK_MS } from '../shared/deadlines.js'
import { lacksOf, Patience } from '../shared/gradients/asking.js'
import { OwnedBuckets } from '../shared/gradients/owner.js'
import type { TreeNode } from '../shared/gradients/tree-sum.js'
import type { ReduceConfig } from '../shared/config/run-config.js'
import { bytesOf } from '../shared/bytes.js'
import type { Bus } from '../shared/bus/bus.js'
import type { Epoch, Step, WorkerId } from '../shared/ids.js'
import { decode, encode } from '../shared/protocol/codec.js'
import type { MessageOf } from '../shared/protocol/messages.js'
import { crc32 } from '../shared/protocol/crc32.js'
import { senderOf, type Subjects } from '../shared/protocol/subjects.js'
import { WireError } from '../shared/errors.js'

export type Dropped = 'stale' | 'duplicate' | 'damaged' | 'garbage'

export interface GradientBuffers {
  /** f32 [layout.elements]: what this worker contributes (as bf16, if so told, in the first half), and where the mean of all arrives. */
  readonly grad: Float32Array
  readonly mean: Float32Array
}

/** f32, or bf16 as it goes over the wire. */
interface Piece {
  readonly node: number
  readonly values: Float32Array | Uint16Array
}

export class AllReduce {
  private readonly buckets: readonly Bucket[]
  private readonly owned: OwnedBuckets
  private readonly scratch: Uint8Array
  private readonly sender: Sender
  private team: readonly WorkerId[] = []
  private epoch = 0 as Epoch
  private step = 0 as Step
  private arrived = new Set<number>()
  private complete: (() => void) | undefined
  /** What this worker contributes to the step, from the moment it does. */
  private pieces: readonly Piece[] = []
  private readonly patience = new Patience()
  private readonly looking: NodeJS.Timeout
  private readonly parts: { close(): void }
  /** The means of every owner but ourselves: our own would only come back to be thrown away. */
  private means: { close(): void }[] = []

  constructor(
    private readonly bus: Bus,
    private readonly subjects: Subjects,
    private readonly me: WorkerId,
    private readonly reduce: ReduceConfig,
    private readonly buffers: GradientBuffers,
    private readonly onDropped: (why: Dropped) => void,
    private readonly onAsked: () => void = () => undefined,
  ) {
    this.buckets = planBuckets(buffers.grad.length, reduce)
    this.scratch = new Uint8Array(wireLength(Math.max(0, ...this.buckets.map((b) => b.to - b.from)), reduce.wire))
    this.sender = new Sender(buffers.grad.length, reduce.wire)
    this.owned = new OwnedBuckets(me, this.buckets, reduce, (bucket, bytes) => this.publishMean(bucket, bytes))
    this.parts = bus.subscribe(subjects.partsFor(me), (data, subject) => this.onPart(data, subject))
    this.looking = setInterval(() => this.look(), LOOK_MS)
  }

  /** A new membership; `step` is the last committed one; `shares`: slots of each member, in order (mode exact). */
  assign(epoch: Epoch, step: Step, team: readonly WorkerId[], shares: readonly number[] = []): void {
    if (!sameTeam(team, this.team)) this.sender.reset(step)
    this.epoch = epoch
    this.team = team
    const owners = new Set(this.buckets.map((bucket) => ownerOf(bucket, team, this.reduce.topology)))
    owners.delete(this.me)
    for (const old of this.means) old.close()
    // In time for every mean, because none can be complete before our own part has been sent after this.
    this.means = [...owners].map((owner) =>
      this.bus.subscribe(this.subjects.mean(owner), (data) => this.onMean(data, owner)),
    )
    this.begin((step + 1) as Step)
    this.owned.assign(epoch, step, team, treeTeamOf(this.reduce, team, shares))
  }

  /**
   * Contributes this worker's gradient of a step and resolves when the mean of all is in place, or never, if the step is
   * discarded: the caller starts the next one and drops this promise.
   * @param nodes mode exact: what this worker contributes instead of `grad`
   * @param halves `grad` holds bf16 in its first half, as a run with such a wire sends it
   */
  async run(epoch: Epoch, step: Step, nodes?: readonly TreeNode[], halves = false): Promise<void> {
    if (epoch !== this.epoch) return new Promise(() => undefined)
    if (step !== this.step) this.begin(step)
    const { grad } = this.buffers
    const values = halves ? new Uint16Array(grad.buffer, grad.byteOffset, grad.length) : grad
    this.pieces = nodes ?? [{ node: 0, values }]
    const finished = new Promise<void>((resolve) => (this.complete = resolve))
    const mine = this.team.indexOf(this.me)
    // Everyone begins with the buckets it owns itself, so that no owner is hit by all at once.
    const from = Math.max(0, mine)
    for (let i = 0; i < this.buckets.length; i++) {
      const bucket = this.buckets[(i + from) % this.buckets.length]!
      for (const { node, values } of this.pieces) {
        if (epoch !== this.epoch || step !== this.step) return finished
        this.contribute(bucket, node, values)
        await this.bus.credit()
      }
    }
    this.checkComplete()
    return finished
  }

  close(): void {
    clearInterval(this.looking)
    for (const subscription of [this.parts, ...this.means]) subscription.close()
  }

  private begin(step: Step): void {
    this.step = step
    this.sender.settle(step - 1)
    this.arrived = new Set()
    this.complete = undefined
    this.pieces = []
  }

  /** Asks again for what should have come by now. */
  private look(): void {
    const { epoch, step, bus, subjects, me: source } = this
    if (this.complete === undefined) return
    const missing = this.buckets.filter(({ index }) => !this.arrived.has(index))
    const lacking = this.owned.lacking()
    if (!this.patience.isOver(`${epoch} ${step}`, missing.length + lacking.length)) return
    for (const lack of lacksOf(this.owned.at, lacking)) bus.publish(subjects.mean(source), encode('gradients', lack))
    const ownerFor = (bucket: Bucket): Owner => ownerOf(bucket, this.team, this.reduce.topology)
    for (const owner of new Set(missing.map(ownerFor))) {
      if (owner === source) continue
      const buckets = missing.filter((bucket) => ownerFor(bucket) === owner).map(({ index }) => index)
      bus.publish(subjects.part(owner, source), encode('gradients', { type: 'ask', epoch, step, source, buckets }))
    }
    this.onAsked()
  }

  /** A mean that was lost on its way to one of us. */
  private tellAgain({ epoch, step, buckets }: Extract<MessageOf<'gradients'>, { type: 'ask' }>): void {
    for (const index of buckets) {
      const finished = this.owned.finished(epoch, step, index)
      if (finished !== undefined) this.sendMean(finished.bucket, finished.bytes)
    }
  }

  /** Parts that were lost on their way to their owner. */
  private contributeAgain({
    epoch,
    step,
    target,
    buckets,
    nodes,
  }: Extract<MessageOf<'gradients'>, { type: 'lack' }>): void {
    if (target !== this.me || epoch !== this.epoch || step !== this.step) return
    buckets.forEach((index, i) => {
      const bucket = this.buckets[index]
      const piece = this.pieces.find(({ node }) => node === nodes[i])
      if (bucket !== undefined && piece !== undefined) this.contribute(bucket, piece.node, piece.values)
    })
  }

  private contribute(bucket: Bucket, node: number, flat: Float32Array | Uint16Array): void {
    const values = flat.subarray(bucket.from, bucket.to)
    const data = this.scratch.subarray(0, wireLength(values.length, this.reduce.wire))
    if (values instanceof Uint16Array) data.set(bytesOf(values))
    else this.sender.encode(values, bucket.from, data)
    const owner = ownerOf(bucket, this.team, this.reduce.topology)
    if (owner === this.me) {
      this.owned.offer(this.epoch, this.step, bucket.index, this.me, data, node)
      return
    }
    const { epoch, step, me: source } = this
    const part = encode('gradients', {
      type: 'part',
      epoch,
      step,
      bucket: bucket.index,
      node,
      source,
      crc: crc32(data),
      data,
    })
    this.bus.publish(this.subjects.part(owner, source), part)
  }

  private publishMean(bucket: Bucket, data: Uint8Array): void {
    this.place(bucket, data)
    if (this.team.length > 1) this.sendMean(bucket, data)
  }

  private sendMean(bucket: Bucket, data: Uint8Array): void {
    const { epoch, step } = this
    const mean = encode('gradients', { type: 'mean', epoch, step, bucket: bucket.index, crc: crc32(data), data })
    this.bus.publish(this.subjects.mean(this.me), mean)
  }

  private onPart(bytes: Uint8Array, subject: string): void {
    this.guarded(bytes, (message) => {
      if (message.type === 'ask') return void this.tellAgain(message)
      // Nobody contributes for another.
      if (message.type !== 'part' || message.source !== senderOf(subject)) return 'garbage'
      const { epoch, step, bucket, source, data, node } = message
      const offered = this.owned.offer(epoch, step, bucket, source, data, node)
      if (offered === 'stale' || offered === 'duplicate') return offered
      return offered === 'unknown' ? 'garbage' : undefined
    })
  }

  private onMean(bytes: Uint8Array, owner: Owner): void {
    this.guarded(bytes, (message) => {
      if (message.type === 'lack') return void this.contributeAgain(message)
      if (message.type !== 'mean') return 'garbage'
      const bucket = this.buckets[message.bucket]
      if (bucket === undefined) return 'garbage'
      if (message.epoch !== this.epoch || message.step !== this.step) return 'stale'
      // Nobody tells the mean of a bucket that another owns.
      if (ownerOf(bucket, this.team, this.reduce.topology) !== owner) return 'garbage'
      if (this.arrived.has(bucket.index)) return 'duplicate'
      this.place(bucket, message.data)
      return undefined
    })
  }

  private guarded(
    bytes: Uint8Array,
    handle: (message: ReturnType<typeof decode<'gradients'>>) => Dropped | undefined,
  ): void {
    try {
      const message = decode('gradients', bytes)
      const whole = !('data' in message) || crc32(message.data) === message.crc
      const dropped = whole ? handle(message) : 'damaged'
      if (dropped !== undefined) this.onDropped(dropped)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.onDropped('garbage')
    }
  }

  private place(bucket: Bucket, data: Uint8Array): void {
    decodeWire(data, this.reduce.wire, this.buffers.mean.subarray(bucket.from, bucket.to))
    this.arrived.add(bucket.index)
    this.checkComplete()
  }

  private checkComplete(): void {
    if (this.arrived.size === this.buckets.length) this.complete?.()
  }
}
