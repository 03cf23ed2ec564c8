// Virtual time and a network in it, which delays, loses, doubles and replays messages as the random numbers say.
import type { Rng } from '../../shared/rng/counter.js'
import { Agenda, type Moment } from './agenda.js'

export interface Harm {
  /** Of a message: never arrives, arrives twice, arrives again much later. */
  readonly lose: number
  readonly double: number
  readonly replay: number
  /** Of a vote: its gradient is not finite. */
  readonly notFinite: number
  /** Of a checkpoint: cannot be written. */
  readonly unsaved: number
  /** Per second of virtual time: a worker dies, stops for up to 12 s, joins; the coordinator dies. */
  readonly die: number
  readonly pause: number
  readonly join: number
  readonly coordinator: number
  /** Virtual milliseconds after which nothing bad happens any more. */
  readonly until: number
}

export const NETWORK_MS = 20

/** One message to lose: the so-manieth of its type, from 0. */
export interface Once {
  readonly type: string
  readonly nth: number
}

export class SimulatedNetwork {
  now = 0
  /** When the message that is to be lost was, and between whom. */
  lostAt: number | undefined
  protected lostBetween: readonly string[] = []
  private seen = 0
  protected readonly agenda = new Agenda<Moment & { readonly run: () => void }>()
  /** Time of the last delivery from one to another: a bus keeps their order. */
  private readonly delivered = new Map<string, number>()

  constructor(
    protected readonly rng: Rng,
    protected readonly harm: Harm,
    protected readonly once?: Once,
  ) {}

  protected chance(share: number): boolean {
    return this.now < this.harm.until && this.rng.uniform() < share
  }

  protected after(ms: number, run: () => void): void {
    this.agenda.add({ at: this.now + ms, rank: 0, run })
  }

  /** A message on the bus; its order among those of the same pair is kept, unless it comes a second time, much later. */
  protected send(from: string, to: string, type: string, deliver: () => void): void {
    if (this.chance(this.harm.lose)) return
    if (type === this.once?.type && this.seen++ === this.once.nth) {
      this.lostAt = this.now
      this.lostBetween = [from, to]
      return
    }
    const pair = `${from}>${to}`
    const at = Math.max(this.now + this.rng.uniform() * NETWORK_MS, this.delivered.get(pair) ?? 0)
    this.delivered.set(pair, at)
    this.after(at - this.now, deliver)
    if (this.chance(this.harm.double)) this.after(at - this.now, deliver)
    if (this.chance(this.harm.replay)) this.after(at - this.now + this.rng.uniform() * 5000, deliver)
  }
}
