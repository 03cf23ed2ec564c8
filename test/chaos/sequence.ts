// One fault after the other: which one waits for its message, when it struck, how long until it was noticed and until a step was
// committed again. The next one waits until some steps went well.
import type { Rng } from '../../shared/rng/counter.js'
import type { Role } from './crew.js'
import { nameOf, type Fault } from './faults.js'
import type { Seen } from './frames.js'
import type { Ledger } from './ledger.js'
import type { Direction } from './link.js'

export const unusedInWords = (fault: Fault): string => `unused: ${nameOf(fault)}`

export interface Suffered {
  readonly fault: Fault
  readonly atStep: number
  /** Milliseconds until the run reacted; undefined: it did not have to. */
  detected?: number
  /** Milliseconds until a step was committed, or the run was over. */
  recovered?: number
}

export interface SequencePorts {
  readonly faults: readonly Fault[]
  readonly ledger: Ledger
  readonly rng: Rng
  readonly workers: number
  /** Commits between two faults. */
  readonly calm: number
  /** Milliseconds. */
  readonly now: () => number
  /** The fault that waits now is seen by a newcomer: have one come. */
  readonly onNewcomer: () => void
}

export class FaultSequence {
  readonly suffered: Suffered[] = []
  private readonly queue: Fault[]
  private victim: Exclude<Role, 'broker'> = 'w0'
  private armed: Fault | undefined
  private under: (Suffered & { readonly since: number }) | undefined
  private calm = 0
  private epochs = 0

  constructor(private readonly ports: SequencePorts) {
    this.queue = [...ports.faults]
  }

  /** The fault that a message of this direction, on this cable, may bring about. */
  waiting(role: Role, direction: Direction): Fault | undefined {
    return role === this.victim && this.armed?.direction === direction ? this.armed : undefined
  }

  /** Its message is on the cable. */
  strike(fault: Fault): void {
    const { ledger, now } = this.ports
    this.armed = undefined
    this.under = { fault, atStep: ledger.step, since: now() }
    this.suffered.push(this.under)
  }

  /** Somebody reacted. */
  noticed(): void {
    const { under, ports } = this
    if (under !== undefined) under.detected ??= ports.now() - under.since
  }

  /** On the coordinator's cable: what it notices, and what it commits. */
  follow(seen: Seen, direction: Direction): void {
    const { ledger, now, calm } = this.ports
    const reacts =
      direction === 'out'
        ? seen.type === 'discard' || (seen.type === 'assign' && this.isNew(seen))
        : seen.type === 'hello'
    if (reacts) this.noticed()
    if (!ledger.see(seen, direction)) return
    this.calm++
    const { under } = this
    if (under !== undefined && now() - under.since > atLeast(under.fault)) this.recover()
    if (this.under === undefined && this.armed === undefined && this.calm >= calm) this.arm()
  }

  /** A step was committed, or the run is over. */
  recover(): void {
    const { under, ports } = this
    if (under === undefined) return
    under.recovered = ports.now() - under.since
    this.under = undefined
    this.calm = 0
  }

  /** What never happened: the run was over before its message came. */
  unused(): Fault[] {
    return [...(this.armed === undefined ? [] : [this.armed]), ...this.queue]
  }

  lastInWords(): string {
    const last = this.suffered.at(-1)
    return last === undefined ? 'nothing' : `${nameOf(last.fault)} at step ${last.atStep}`
  }

  private isNew({ epoch = 0 }: Seen): boolean {
    const grown = epoch > this.epochs
    this.epochs = Math.max(this.epochs, epoch)
    return grown
  }

  private arm(): void {
    const fault = this.queue.shift()
    if (fault === undefined) return
    const { rng, workers, onNewcomer } = this.ports
    this.victim =
      fault.seenBy === 'coordinator' ? 'coordinator' : fault.seenBy === 'newcomer' ? 'late' : `w${Math.floor(rng.uniform() * workers)}` // prettier-ignore
    this.armed = fault
    if (fault.seenBy === 'newcomer') onNewcomer()
  }
}

/** Before this time nothing can have been noticed, so a commit says nothing. */
const atLeast = ({ kind, victim }: Fault): number =>
  (kind === 'kill' || kind === 'silence') && victim !== 'newcomer' ? 100 : 0
