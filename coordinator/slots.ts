// The slots' book: for every lane of the global batch which example it works on, how far it is, and who holds its carry.
// It changes only at commits, so a discarded step leaves no trace. Pure; the examples themselves are the feed's business.
import type { Draw, SlotId, Step, WorkerId } from '../shared/ids.js'

export interface SlotRecord {
  readonly slot: SlotId
  /** Example under way, or the last one; null before the first. */
  readonly draw: Draw | null
  /** What the next example of this slot will be. */
  readonly next: Draw
  /** Supervision steps spent on the example. */
  readonly steps: number
  /** The next step begins a new example. */
  readonly halted: boolean
  /** The carry was lost: the next step begins the same example again. */
  readonly restart: boolean
}

/** Whose hands a carry is in. */
export type Holder = WorkerId | 'checkpoint' | null

export interface Take {
  readonly slot: SlotId
  readonly draw: Draw
}

export interface Share {
  readonly slots: readonly SlotId[]
  readonly carry: readonly ('keep' | 'reset' | 'pull')[]
}

/** Contiguous, nearly equal shares in team order: the order of sums then is the order of slots. */
export function shareOut(slots: number, team: readonly WorkerId[]): ReadonlyMap<WorkerId, readonly SlotId[]> {
  const edge = (i: number): number => Math.round((i * slots) / team.length)
  return new Map(
    team.map((worker, i) => [
      worker,
      Array.from({ length: edge(i + 1) - edge(i) }, (_, offset) => (edge(i) + offset) as SlotId),
    ]),
  )
}

export class SlotBook {
  private readonly records: SlotRecord[]
  private readonly holders: Holder[]
  private shares: ReadonlyMap<WorkerId, readonly SlotId[]> = new Map()

  /** `official`: the example of a step does not depend on the slot's history, but on the step's number (spec 4.5). */
  constructor(
    count: number,
    private readonly sampler: 'slots' | 'official',
    resumed?: readonly SlotRecord[],
  ) {
    this.records = Array.from(
      { length: count },
      (_, slot) =>
        resumed?.[slot] ?? {
          slot: slot as SlotId,
          draw: null,
          next: 0 as Draw,
          steps: 0,
          halted: true,
          restart: false,
        },
    )
    this.holders = Array.from({ length: count }, (): Holder => (resumed === undefined ? null : 'checkpoint'))
  }

  all(): readonly SlotRecord[] {
    return this.records
  }

  /** For a checkpoint, in which a lost carry is an example not begun. */
  saved(): SlotRecord[] {
    return this.records.map((record) =>
      record.restart && record.draw !== null ? { ...record, next: record.draw, restart: false } : record,
    )
  }

  ownedBy(worker: WorkerId): readonly SlotId[] {
    return this.shares.get(worker) ?? []
  }

  /** Deals the slots to a new team. A carry that nobody can hand over starts its example again. */
  deal(team: readonly WorkerId[]): ReadonlyMap<WorkerId, Share> {
    this.shares = shareOut(this.records.length, team)
    const deals = new Map<WorkerId, Share>()
    for (const [worker, slots] of this.shares) {
      const carry = slots.map((slot): Share['carry'][number] => {
        const record = this.record(slot)
        const holder = this.holders[slot] ?? null
        if (holder === worker) return 'keep'
        if (holder === 'checkpoint' && !record.halted) return 'pull'
        if (!record.halted) this.records[slot] = { ...record, halted: true, restart: true, steps: 0 }
        this.holders[slot] = null
        return 'reset'
      })
      deals.set(worker, { slots, carry })
    }
    return deals
  }

  /** The worker has its share in place. */
  held(worker: WorkerId): void {
    for (const slot of this.ownedBy(worker)) this.holders[slot] = worker
  }

  /** The worker is gone, and its carries with it. */
  dropped(worker: WorkerId): void {
    this.holders.forEach((holder, slot) => {
      if (holder === worker) this.holders[slot] = null
    })
  }

  /** The examples that the worker's halted slots begin with this step. */
  takes(worker: WorkerId, step: Step): Take[] {
    return this.ownedBy(worker)
      .map((slot) => this.record(slot))
      .filter((record) => record.halted)
      .map((record) => ({ slot: record.slot, draw: this.upcoming(record, step) }))
  }

  /** The draw that a slot would begin at `step` if it were halted then: what to encode ahead. */
  upcoming(record: SlotRecord, step: Step): Draw {
    if (record.restart && record.draw !== null) return record.draw
    return this.sampler === 'official' ? (step as number as Draw) : record.next
  }

  /** The draw each of the worker's slots works on during `step`. */
  working(worker: WorkerId, step: Step): Take[] {
    return this.ownedBy(worker).map((slot) => {
      const record = this.record(slot)
      return { slot, draw: record.halted || record.draw === null ? this.upcoming(record, step) : record.draw }
    })
  }

  /** Books a committed step: `halted` and `steps` in the order of the worker's slots. */
  settle(worker: WorkerId, step: Step, halted: Uint8Array, steps: Uint8Array): void {
    this.ownedBy(worker).forEach((slot, index) => {
      const before = this.record(slot)
      const draw = before.halted ? this.upcoming(before, step) : before.draw
      const began = before.halted && !before.restart
      this.records[slot] = {
        slot,
        draw,
        next: began && draw !== null ? ((draw + 1) as Draw) : before.next,
        steps: steps[index] ?? 0,
        halted: halted[index] === 1,
        restart: false,
      }
    })
  }

  private record(slot: SlotId): SlotRecord {
    const record = this.records[slot]
    if (record === undefined) throw new RangeError(`slot ${slot} of ${this.records.length}`)
    return record
  }
}
