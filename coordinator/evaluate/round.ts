// One evaluation: test rows are cut into units of work, handed to whoever is free, and given again if a worker is lost, so
// that a death costs only its unfinished share. Pure bookkeeping; sending and scoring are the caller's.
import type { WorkerId } from '../../shared/ids.js'

export interface Unit {
  readonly index: number
  /** Rows from, to (exclusive). */
  readonly from: number
  readonly to: number
}

/** Units a worker holds at once: one to compute, one on its way. */
const AHEAD = 2

export class EvaluationRound {
  private readonly waiting: Unit[]
  private readonly held = new Map<number, { unit: Unit; worker: WorkerId }>()
  readonly units: number
  done = 0

  constructor(
    readonly id: number,
    readonly rows: number,
    batch: number,
  ) {
    this.units = Math.ceil(rows / batch)
    this.waiting = Array.from({ length: this.units }, (_, index) => ({
      index,
      from: index * batch,
      to: Math.min((index + 1) * batch, rows),
    }))
  }

  get over(): boolean {
    return this.done === this.units
  }

  /** What to send now, given who is there. */
  hand(team: readonly WorkerId[]): { worker: WorkerId; unit: Unit }[] {
    const handed: { worker: WorkerId; unit: Unit }[] = []
    for (let round = 0; round < AHEAD; round++)
      for (const worker of team) {
        if (this.load(worker) > round) continue
        const unit = this.waiting.shift()
        if (unit === undefined) return handed
        this.held.set(unit.index, { unit, worker })
        handed.push({ worker, unit })
      }
    return handed
  }

  /** The unit of an answer; undefined if it is not this worker's any more. */
  take(index: number, worker: WorkerId): Unit | undefined {
    const entry = this.held.get(index)
    if (entry?.worker !== worker) return undefined
    this.held.delete(index)
    this.done++
    return entry.unit
  }

  heldBy(worker: WorkerId): Unit[] {
    return [...this.held.values()].filter((entry) => entry.worker === worker).map(({ unit }) => unit)
  }

  /** A worker answers in the order in which it is asked: what it was given before this one was lost on its way, and waits again. */
  skipped(index: number, worker: WorkerId): void {
    if (this.held.get(index)?.worker !== worker) return
    for (const unit of this.heldBy(worker)) {
      if (unit.index === index) return
      this.held.delete(unit.index)
      this.waiting.unshift(unit)
    }
  }

  /** A unit taken whose answer is of no use. */
  giveBack(unit: Unit): void {
    this.done--
    this.waiting.unshift(unit)
  }

  lost(worker: WorkerId): void {
    for (const [index, entry] of this.held) {
      if (entry.worker !== worker) continue
      this.held.delete(index)
      this.waiting.unshift(entry.unit)
    }
  }

  private load(worker: WorkerId): number {
    let load = 0
    for (const entry of this.held.values()) if (entry.worker === worker) load++
    return load
  }
}
