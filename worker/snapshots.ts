// Snapshots: copies of the replica's state at a step boundary, kept until released, from which others pull what they need
// while training goes on. A pull that comes before the copy is made waits for it.
import type { SlotId } from '../shared/ids.js'
import type { SnapshotId } from '../shared/protocol/messages.js'
import { isBoundaryCopy, isJoinCopy } from '../shared/protocol/snapshot-id.js'
import type { StateRange } from '../shared/bus/transfer.js'

export interface Snapshot {
  /** params, ema, m, v, and outer (local steps) or gathered (moves at every N-th step only), one after the other, f32; null in a snapshot of carries only. */
  readonly dense: Float32Array | null
  /** f32 numbers of each of these. */
  readonly elements: number
  /** f32 [slots, 2, S, D]. */
  readonly carries: Float32Array
  readonly slots: readonly SlotId[]
  readonly hInit: Float32Array
  readonly lInit: Float32Array
  /** Not a copy: as long as no step begins, the mean that was voted on. */
  readonly mean: Float32Array
}

const DENSE = ['params', 'ema', 'm', 'v', 'outer', 'gathered'] as const

export class Snapshots {
  private readonly kept = new Map<SnapshotId, Promise<Snapshot>>()

  add(id: SnapshotId, copy: Promise<Snapshot>): void {
    // Whoever should have told us to let go of the one before may not have been heard.
    if (isBoundaryCopy(id)) this.releaseAll(isBoundaryCopy)
    this.kept.set(id, copy)
  }

  has(id: SnapshotId): boolean {
    return this.kept.has(id)
  }

  /** Resolves once the copy is made; at once if there is none. */
  async made(id: SnapshotId): Promise<void> {
    await this.kept.get(id)
  }

  release(id: SnapshotId): void {
    this.kept.delete(id)
  }

  /** A step begins: nobody takes over anything any more. */
  settled(): void {
    this.releaseAll(isJoinCopy)
  }

  get size(): number {
    return this.kept.size
  }

  private releaseAll(such: (id: SnapshotId) => boolean): void {
    for (const id of this.kept.keys()) if (such(id)) this.kept.delete(id)
  }

  /** The bytes of a range, or the reason why there are none. */
  async provide(range: StateRange): Promise<Uint8Array | string> {
    const copy = (await this.holding(range)) ?? (await this.kept.get(range.snapshot))
    if (copy === undefined) return 'it was released, or never taken here'
    const segment = this.segment(copy, range)
    if (segment === undefined) return `this snapshot has no ${range.segment} of slot ${range.slot}`
    if (range.offset + range.length > segment.byteLength) return `it ends at byte ${segment.byteLength}`
    return new Uint8Array(segment.buffer, segment.byteOffset + range.offset, range.length)
  }

  /**
   * For a carry: the copy of this name, or the newest of another membership that has it. Between two steps all are the same,
   * and whoever asks may know only the name of one whose order never reached us.
   */
  private async holding({ snapshot, segment, slot }: StateRange): Promise<Snapshot | undefined> {
    if (segment !== 'carry' || !isJoinCopy(snapshot)) return undefined
    const others = [...this.kept].filter(([id]) => isJoinCopy(id) && id !== snapshot).reverse()
    for (const copy of [this.kept.get(snapshot), ...others.map(([, other]) => other)]) {
      const made = await copy
      if (made?.slots.includes(slot) === true) return made
    }
    return undefined
  }

  private segment(snapshot: Snapshot, { segment, slot }: StateRange): Float32Array | undefined {
    if (segment === 'hInit') return snapshot.hInit
    if (segment === 'lInit') return snapshot.lInit
    if (segment === 'mean') return snapshot.mean
    if (segment === 'carry') {
      const index = snapshot.slots.indexOf(slot)
      const elements = snapshot.carries.length / Math.max(1, snapshot.slots.length)
      return index < 0 ? undefined : snapshot.carries.subarray(index * elements, (index + 1) * elements)
    }
    if (snapshot.dense === null) return undefined
    const { elements } = snapshot
    // No run has both of the last two.
    const index = Math.min(DENSE.indexOf(segment), DENSE.length - 2)
    return snapshot.dense.subarray(index * elements, (index + 1) * elements)
  }
}
