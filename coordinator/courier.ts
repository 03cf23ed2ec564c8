// Brings examples to workers ahead of need. It remembers what each worker has been sent, keeps the examples that slots work
// on (their puzzle decides which table row a slot trains), and never sends one twice to the same owner.
import type { Draw, SlotId, WorkerId } from '../shared/ids.js'
import type { CoordinatorMessage } from '../shared/protocol/messages.js'
import type { Take } from './slots.js'

export interface EncodedExample {
  readonly puzzle: number
  /** u8 tokens [S0]. */
  readonly inputs: Uint8Array
  readonly labels: Uint8Array
}

export interface ExampleStream {
  example(slot: number, draw: number): Promise<EncodedExample>
}

export class Courier {
  private readonly known = new Map<SlotId, Map<Draw, Promise<EncodedExample>>>()
  private readonly sent = new Map<WorkerId, Set<string>>()
  private pending = 0
  /** Examples encoded so far. */
  encoded = 0

  /** @param perMessage examples that fit one message */
  constructor(
    private readonly stream: ExampleStream,
    private readonly perMessage: number,
    private readonly send: (worker: WorkerId, message: CoordinatorMessage) => void,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** Examples asked for and not encoded yet. */
  get queue(): number {
    return this.pending
  }

  /** The examples of these takes, in order; remembered until the slot has moved on. */
  fetch(takes: readonly Take[]): Promise<EncodedExample[]> {
    return Promise.all(takes.map((take) => this.one(take)))
  }

  /** Sends what the worker has not got yet. */
  async deliver(worker: WorkerId, takes: readonly Take[]): Promise<void> {
    const sent = this.sent.get(worker) ?? new Set<string>()
    this.sent.set(worker, sent)
    const missing = takes.filter(({ slot, draw }) => !sent.has(`${slot}:${draw}`))
    for (const { slot, draw } of missing) sent.add(`${slot}:${draw}`)
    const examples = await this.fetch(missing)
    for (let from = 0; from < missing.length; from += this.perMessage) {
      const some = missing.slice(from, from + this.perMessage)
      const encoded = examples.slice(from, from + this.perMessage)
      this.send(worker, {
        type: 'examples',
        slots: some.map(({ slot }) => slot),
        draws: some.map(({ draw }) => draw),
        puzzles: encoded.map(({ puzzle }) => puzzle),
        inputs: Buffer.concat(encoded.map(({ inputs }) => inputs)),
        labels: Buffer.concat(encoded.map(({ labels }) => labels)),
      })
    }
  }

  /** They may have been lost: sends them again. */
  again(worker: WorkerId, takes: readonly Take[]): Promise<void> {
    for (const { slot, draw } of takes) this.sent.get(worker)?.delete(`${slot}:${draw}`)
    return this.deliver(worker, takes)
  }

  /** Encodes and sends in the background what will be needed next. */
  ahead(worker: WorkerId, takes: readonly Take[]): void {
    this.deliver(worker, takes).catch(this.onFailure)
  }

  /** The worker got new slots, and forgot the examples of others: send again what it needs. */
  forgetWorker(worker: WorkerId): void {
    this.sent.delete(worker)
  }

  /** The slot works on `draw` for good. */
  settled(worker: WorkerId, slot: SlotId, draw: Draw): void {
    const known = this.known.get(slot)
    for (const old of known?.keys() ?? []) {
      if (old >= draw) continue
      known?.delete(old)
      this.sent.get(worker)?.delete(`${slot}:${old}`)
    }
  }

  private one({ slot, draw }: Take): Promise<EncodedExample> {
    const known = this.known.get(slot) ?? new Map<Draw, Promise<EncodedExample>>()
    this.known.set(slot, known)
    let example = known.get(draw)
    if (example === undefined) {
      this.pending++
      example = this.stream.example(slot, draw).finally(() => {
        this.pending--
        this.encoded++
      })
      known.set(draw, example)
    }
    return example
  }
}
