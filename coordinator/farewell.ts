// The end of a run, told to every worker until it has said goodbye: a word that is lost would leave it waiting for ever. Whoever
// still beats has not heard it.
import type { WorkerId } from '../shared/ids.js'
import type { CoordinatorMessage, WorkerMessage } from '../shared/protocol/messages.js'

type Stop = Extract<CoordinatorMessage, { type: 'stop' }>

export class Farewell {
  private word: Stop | undefined
  private readonly here = new Set<WorkerId>()
  private resolve: () => void = () => undefined
  /** Everybody has gone. */
  readonly over = new Promise<void>((resolve) => (this.resolve = resolve))

  constructor(private readonly send: (worker: WorkerId, message: CoordinatorMessage) => void) {}

  begin(workers: Iterable<WorkerId>, word: Stop): void {
    this.word = word
    for (const worker of workers) {
      this.here.add(worker)
      this.send(worker, word)
    }
    this.look()
  }

  /** @returns whether the message was for us: the end was told before */
  hear(worker: WorkerId, { type }: WorkerMessage): boolean {
    if (this.word === undefined) return false
    if (type === 'leaving' || type === 'trouble') this.here.delete(worker)
    else if (type === 'beat' && this.here.has(worker)) this.send(worker, this.word)
    this.look()
    return true
  }

  private look(): void {
    if (this.here.size === 0) this.resolve()
  }
}
