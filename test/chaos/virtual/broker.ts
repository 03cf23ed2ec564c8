// A bus in virtual time that does what core NATS does: at most once, in order on every connection, nothing kept for who is not
// there, requests answered at once where nobody listens, and what was under way lost with a connection. Every connection is a
// cable on which messages can be seen and harmed.
import type { Bus, BusOptions, BusStats, BusStatus, Handler, WireBytes } from '../../../shared/bus/bus.js'
import { BusUnreachable } from '../../../shared/errors.js'
import type { Rng } from '../../../shared/rng/counter.js'
import { wireKindOf } from '../../../shared/protocol/subjects.js'
import { replyTo } from '../frames.js'
import { procOf, type Proc, type VirtualTime } from './time.js'

export type Direction = 'out' | 'in'

/** What becomes of a message: what is sent instead, after how long, with or without all that come behind it. */
export interface VirtualFate {
  readonly payloads: readonly Uint8Array[]
  readonly delayMs?: number
  readonly overtaken?: boolean
}

export type Cable = (subject: string, payload: Uint8Array, direction: Direction) => VirtualFate | undefined

const RECONNECT_MS = 250
const FLUSH_MS = 1000

interface Letter {
  readonly subject: string
  readonly payload: Uint8Array
  /** Takes the answer, or undefined where nobody listens. */
  readonly answered: ((reply: Uint8Array | undefined) => void) | undefined
}

interface Interest {
  readonly client: Client
  readonly tokens: readonly string[]
  readonly handler: Handler
}

const matches = (pattern: readonly string[], subject: readonly string[]): boolean =>
  pattern.length === subject.length && pattern.every((token, i) => token === '*' || token === subject[i])

export class Broker {
  readonly proc: Proc = procOf('broker')
  up = true
  readonly clients = new Set<Client>()
  private readonly interests = new Set<Interest>()
  private found = new Map<string, readonly Interest[]>()

  constructor(
    readonly time: VirtualTime,
    readonly rng: Rng,
  ) {}

  connect(proc: Proc, cable: Cable, { inFlightBytes }: Pick<BusOptions, 'inFlightBytes'>): Client {
    const client = new Client(this, proc, cable, inFlightBytes)
    this.clients.add(client)
    return client
  }

  /** kill -9; back when so much time has passed. */
  restart(pauseMs: number): void {
    this.up = false
    for (const client of this.clients) client.disconnect()
    this.time.after(pauseMs, undefined, () => (this.up = true))
  }

  leave(client: Client): void {
    this.clients.delete(client)
    for (const interest of this.interests) if (interest.client === client) this.interests.delete(interest)
    this.found.clear()
  }

  listen(interest: Interest): () => void {
    this.interests.add(interest)
    this.found.clear()
    return () => {
      this.interests.delete(interest)
      this.found.clear()
    }
  }

  route({ subject, payload, answered }: Letter): void {
    const listening = this.listening(subject).filter(({ client }) => client.connected && !client.proc.dead)
    if (listening.length === 0) return answered?.(undefined)
    for (const interest of listening) interest.client.receive(interest, { subject, payload, answered })
  }

  private listening(subject: string): readonly Interest[] {
    const known = this.found.get(subject)
    if (known !== undefined) return known
    const tokens = subject.split('.')
    const found = [...this.interests].filter((interest) => matches(interest.tokens, tokens))
    this.found.set(subject, found)
    return found
  }
}

const noBytes = (): Record<'parts' | 'means' | 'state' | 'messages', number> => ({
  ...{ parts: 0, means: 0, state: 0, messages: 0 },
})

export class Client implements Bus {
  readonly maxPayload = 1 << 20
  connected = true
  private closed = false
  /** Grows with every connection that is lost. */
  private generation = 0
  private readonly free = { in: 0, out: 0 }
  private unflushed = 0
  private reconnects = 0
  private readonly wire: WireBytes & Record<'in' | 'out', ReturnType<typeof noBytes>> = {
    in: noBytes(),
    out: noBytes(),
  }
  private readonly watchers = new Set<(status: BusStatus) => void>()

  constructor(
    private readonly broker: Broker,
    readonly proc: Proc,
    private readonly cable: Cable,
    private readonly inFlightBytes: number,
  ) {}

  publish(subject: string, data: Uint8Array): void {
    this.unflushed += data.byteLength
    this.send({ subject, payload: Uint8Array.from(data), answered: undefined })
  }

  credit(): Promise<void> {
    return this.unflushed < this.inFlightBytes ? Promise.resolve() : this.flush()
  }

  async flush(): Promise<void> {
    await this.broker.time.sleep(this.connected ? Math.max(1, 2 * (this.free.out - this.broker.time.now)) : FLUSH_MS)
    this.unflushed = 0
  }

  subscribe(subject: string, handler: Handler): { close(): void } {
    return { close: this.broker.listen({ client: this, tokens: subject.split('.'), handler }) }
  }

  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { time } = this.broker
    return new Promise((resolve, reject) => {
      const nobody = (): void =>
        reject(new BusUnreachable(`nobody answers on ${subject}`, 'start the coordinator, and check --run and --nats'))
      time.after(timeoutMs, this.proc, nobody)
      const answered = (reply: Uint8Array | undefined): void => {
        if (reply === undefined) return this.pass('in', nobody)
        this.along('in', replyTo(subject), reply, (arrived) => {
          this.count('in', subject, arrived)
          resolve(arrived)
        })
      }
      this.send({ subject, payload: Uint8Array.from(data), answered })
    })
  }

  onStatus(handler: (status: BusStatus) => void): { close(): void } {
    this.watchers.add(handler)
    return { close: () => void this.watchers.delete(handler) }
  }

  stats(): BusStats {
    const total = (direction: 'in' | 'out'): number => Object.values(this.wire[direction]).reduce((a, b) => a + b, 0)
    const { reconnects, wire } = this
    return { bytesIn: total('in'), bytesOut: total('out'), messagesIn: 0, messagesOut: 0, reconnects, wire }
  }

  async close(): Promise<void> {
    if (this.connected) await this.flush()
    this.closed = true
    this.connected = false
    this.broker.leave(this)
  }

  /** The connection is torn; another is tried for. */
  disconnect(): void {
    if (!this.connected || this.closed) return
    this.connected = false
    this.generation++
    this.tell(1, { type: 'disconnected' })
    this.reconnect()
  }

  /** A message reaches the server's end of the cable. */
  receive(interest: Interest, { subject, payload, answered }: Letter): void {
    this.along('in', subject, payload, (arrived) => {
      this.count('in', subject, arrived)
      const respond = (reply: Uint8Array): void => {
        this.count('out', subject, reply)
        this.along('out', replyTo(subject), Uint8Array.from(reply), (sent) => answered?.(sent), this.broker.proc)
      }
      interest.handler(arrived, subject, answered === undefined ? undefined : respond)
    })
  }

  private send(letter: Letter): void {
    const { subject, payload } = letter
    if (!this.connected) return
    this.count('out', subject, payload)
    this.along('out', subject, payload, (sent) => this.broker.route({ ...letter, payload: sent }), this.broker.proc)
  }

  /** Along the cable, as whoever holds it lets it pass. */
  private along(
    direction: Direction,
    subject: string,
    payload: Uint8Array,
    then: (payload: Uint8Array) => void,
    owner = this.proc,
  ): void {
    const fate = this.cable(subject, payload, direction) ?? { payloads: [payload] }
    for (const one of fate.payloads) this.pass(direction, () => then(one), owner, fate.delayMs, fate.overtaken)
  }

  /** @param overtaken what comes behind does not wait for it */
  private pass(direction: Direction, then: () => void, owner = this.proc, delayMs = 0, overtaken = false): void {
    if (!this.connected) return
    const { time, rng } = this.broker
    const at = Math.max(this.free[direction], time.now + 0.1 + 0.9 * rng.uniform()) + delayMs
    if (!overtaken) this.free[direction] = at
    const { generation } = this
    time.after(at - time.now, owner, () => generation === this.generation && !this.closed && then(), 'message')
  }

  private reconnect(): void {
    const { time, rng } = this.broker
    time.after(RECONNECT_MS * (0.2 + rng.uniform()), this.proc, () => {
      if (this.closed) return
      if (!this.broker.up) return this.reconnect()
      this.connected = true
      this.reconnects++
      this.free.in = this.free.out = time.now
      this.tell(0, { type: 'reconnected' })
    })
  }

  private tell(ms: number, status: BusStatus): void {
    this.broker.time.after(ms, this.proc, () => {
      for (const watcher of this.watchers) watcher(status)
    })
  }

  private count(direction: Direction, subject: string, { byteLength }: Uint8Array): void {
    this.wire[direction][wireKindOf(subject)] += byteLength
  }
}
