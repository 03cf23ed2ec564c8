// Virtual time for whole services: timers, clocks and names of chance of this process are replaced, and what happens next is
// the earliest of what somebody waits for. Every event belongs to one virtual process; its continuations run before the next
// event, so whoever is dead or stands still does nothing at all.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { Rng } from '../../../shared/rng/counter.js'
import { Agenda } from '../../helpers/agenda.js'

/** One virtual process. */
export interface Proc {
  readonly name: string
  dead: boolean
  /** Stands still until then. */
  pausedUntil: number
  /** Its wall clock is so much ahead. */
  clockAhead: number
  diskSlowUntil: number
}

export const procOf = (name: string): Proc => ({
  name,
  dead: false,
  pausedUntil: 0,
  clockAhead: 0,
  diskSlowUntil: 0,
})

interface Moment {
  readonly at: number
  readonly rank: number
  readonly owner: Proc | undefined
  readonly run: () => void
}

/** After a pause timers are first, then what lies in the socket, then what waits for both. */
const RANK = { timer: 0, message: 1, immediate: 2 } as const

const real = {
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  Date: globalThis.Date,
  now: performance.now.bind(performance),
}

/** 2026-01-01. */
const BEGINNING = 1_767_225_600_000
/** So often the process may look at the real world. */
const EVENTS_AT_ONCE = 2000

/** What the replaced timers return. */
class Handle {
  stopped = false
  unref(): this {
    return this
  }
  ref(): this {
    return this
  }
}

export class VirtualTime {
  now = 0
  /** Whose event this is; undefined: the harness's. */
  current: Proc | undefined
  /** Events so far. */
  events = 0
  private readonly agenda = new Agenda<Moment>()
  private readonly uninstall: (() => void)[] = []

  constructor(private readonly rng: Rng) {}

  after(ms: number, owner: Proc | undefined, run: () => void, rank: keyof typeof RANK = 'timer'): void {
    this.agenda.add({ at: this.now + Math.max(0, ms), rank: RANK[rank], owner, run })
  }

  /** Resolves in the same process, that much later. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, this.current, resolve))
  }

  /** One event after the other until `over`, or nothing is left to wait for, or the time is up. */
  async run(over: () => boolean, limitMs: number): Promise<'over' | 'idle' | 'late'> {
    while (!over()) {
      const moment = this.agenda.next()
      if (moment === undefined) return 'idle'
      if (moment.at > limitMs) return 'late'
      if (this.postpone(moment)) continue
      this.now = moment.at
      this.current = moment.owner
      moment.run()
      // Ticks come when no promise has anything left to do.
      await new Promise<void>((resolve) => process.nextTick(resolve))
      this.current = undefined
      if (++this.events % EVENTS_AT_ONCE === 0) await new Promise((resolve) => real.setImmediate(resolve))
    }
    return 'over'
  }

  /** Nothing happens to the dead, and to who stands still it happens later, in its order. */
  private postpone(moment: Moment & { readonly order: number }): boolean {
    const { owner, at } = moment
    if (owner === undefined) return false
    if (owner.dead) return true
    if (owner.pausedUntil <= at) return false
    this.agenda.again({ ...moment, at: owner.pausedUntil })
    return true
  }

  /** From now on this process lives in virtual time. */
  install(): void {
    const timer = (period: boolean) => {
      return (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]): Handle => {
        const handle = new Handle()
        const owner = this.current
        const again = (): void => {
          if (handle.stopped) return
          if (period) this.after(Math.max(1, ms), owner, again)
          run(...given)
        }
        this.after(Math.max(1, ms), owner, again)
        return handle
      }
    }
    const stop = (handle: unknown): void => {
      if (handle instanceof Handle) handle.stopped = true
      else real.clearTimeout(handle as NodeJS.Timeout)
    }
    const immediate = (run: () => void): Handle => {
      this.after(0, this.current, run, 'immediate')
      return new Handle()
    }
    const wall = (): number => BEGINNING + this.now + (this.current?.clockAhead ?? 0)
    class VirtualDate extends real.Date {
      constructor(...given: readonly unknown[]) {
        super(...((given.length === 0 ? [wall()] : given) as [number]))
      }
      static override now = wall
    }
    this.replace(globalThis, {
      setTimeout: timer(false),
      setInterval: timer(true),
      clearTimeout: stop,
      clearInterval: stop,
      setImmediate: immediate,
      Date: VirtualDate,
    })
    this.replace(performance, { now: () => this.now })
    this.replace(process.memoryUsage, { rss: () => 1 << 27 })
    const digits = (): string => this.rng.u32().toString(16).padStart(8, '0')
    this.replace(crypto, { randomUUID: () => `${digits()}-0000-4000-8000-0000${digits()}` })
    syncBuiltinESMExports()
  }

  restore(): void {
    for (const undo of this.uninstall.reverse()) undo()
    syncBuiltinESMExports()
  }

  private replace(object: object, by: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(by)) {
      const before = Object.getOwnPropertyDescriptor(object, name)
      Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: true })
      this.uninstall.push(() => {
        if (before === undefined) Reflect.deleteProperty(object, name)
        else Object.defineProperty(object, name, before)
      })
    }
  }
}

/** Of the real world, for who measures the harness itself. */
export const realNow = (): number => real.now()
