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

/** What `holders` says of a carry that nobody is asked for. */
const NOBODY = ''

export interface Take {
  readonly slot: SlotId
  readonly draw: Draw
}

export interface Share {
  readonly slots: readonly SlotId[]
  readonly carry: readonly ('keep' | 'reset' | 'pull')[]
  /** Whom to pull the carry from, and the name of the copy to pull. */
  readonly holders: readonly string[]
  readonly copies: readonly string[]
}

/**
 * Nearly equal shares of `units` slots or groups among so many workers. Where there are many groups, shares end at multiples
 * of a power of two, as the subtrees of the exact sum do: every subtree cut in two is one more part on the wire.
 */
export function equalShares(units: number, workers: number, grouped: boolean): readonly number[] {
  const grain = grouped ? 2 ** Math.floor(Math.log2(Math.max(1, units / (8 * workers)))) : 1
  const edge = (i: number): number => (i === workers ? units : Math.round((i * units) / workers / grain) * grain)
  return Array.from({ length: workers }, (_, i) => edge(i + 1) - edge(i))
}

/**
 * Contiguous shares in team order: the order of sums then is the order of slots. Groups of `group` slots, if given, stay whole.
 * @param shares slots or groups of each
 */
export function shareOut(
  slots: number,
  team: readonly WorkerId[],
  group?: number,
  shares?: readonly number[],
): ReadonlyMap<WorkerId, readonly SlotId[]> {
  const size = group ?? 1
  const units = shares ?? equalShares(Math.ceil(slots / size), team.length, group !== undefined)
  const edge = (i: number): number => Math.min(slots, units.slice(0, i).reduce((sum, one) => sum + one, 0) * size)
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
  /** The name of the copy in which a worker keeps the carry of a slot that it owns no more. */
  private readonly copies: (string | undefined)[] = []
  private shares: ReadonlyMap<WorkerId, readonly SlotId[]> = new Map()

  /**
   * `official`: the example of a step does not depend on the slot's history, but on the step's number (spec 4.5).
   * @param group slots that always belong to one worker
   */
  constructor(
    count: number,
    private readonly sampler: 'slots' | 'official',
    resumed?: readonly SlotRecord[],
    private readonly group?: number,
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

  /**
   * Deals the slots to a new team. Whose slot moves while its example is under way keeps the carry as a copy of this name,
   * until the new owner holds it; a carry that nobody can hand over starts its example again.
   */
  deal(team: readonly WorkerId[], copy: string, units?: readonly number[]): ReadonlyMap<WorkerId, Share> {
    this.shares = shareOut(this.records.length, team, this.group, units)
    const deals = new Map<WorkerId, Share>()
    for (const [worker, slots] of this.shares) {
      const carry = slots.map((slot) => this.move(slot, worker, copy))
      const pulled = slots.map((slot, i) => (carry[i] === 'pull' ? slot : undefined))
      const holders = pulled.map((slot) => {
        if (slot === undefined) return NOBODY
        return this.holders[slot] === 'checkpoint' ? 'coordinator' : (this.holders[slot] ?? NOBODY)
      })
      const copies = pulled.map((slot) => (slot === undefined ? NOBODY : (this.copies[slot] ?? NOBODY)))
      deals.set(worker, { slots, carry, holders, copies })
    }
    return deals
  }

  private move(slot: SlotId, worker: WorkerId, copy: string): Share['carry'][number] {
    const record = this.record(slot)
    const holder = this.holders[slot] ?? null
    if (holder === worker && this.copies[slot] === undefined) return 'keep'
    if (holder !== null && !record.halted) {
      if (holder !== 'checkpoint') this.copies[slot] ??= copy
      return 'pull'
    }
    if (!record.halted) this.records[slot] = { ...record, halted: true, restart: true, steps: 0 }
    this.holders[slot] = null
    this.copies[slot] = undefined
    return 'reset'
  }

  /** The worker has its share in place. */
  held(worker: WorkerId): void {
    for (const slot of this.ownedBy(worker)) {
      this.holders[slot] = worker
      this.copies[slot] = undefined
    }
  }

  /** The worker is gone, and its carries with it. */
  dropped(worker: WorkerId): void {
    this.holders.forEach((holder, slot) => {
      if (holder !== worker) return
      this.holders[slot] = null
      this.copies[slot] = undefined
    })
  }

  /**
   * The examples that the worker's slots may begin in a round of `length` steps from `step` on, in order: as many as there
   * are steps where a slot has halted, one less where it works on one. In a round of one step: what halted slots begin.
   */
  takes(worker: WorkerId, step: Step, length = 1): Take[] {
    return this.ownedBy(worker).flatMap((slot) => {
      const record = this.record(slot)
      const first = record.halted ? [this.upcoming(record, step)] : []
      const own = record.halted && !record.restart ? record.next + 1 : record.next
      const after = this.sampler === 'official' ? step + 1 : own
      const later = Array.from({ length: length - 1 }, (_, i) => (after + i) as Draw)
      return [...first, ...later].map((draw) => ({ slot, draw }))
    })
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
