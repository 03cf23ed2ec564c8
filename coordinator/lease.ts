// A coordinator leads as long as it is heard. After a pause of its own (stopped, swapped out, a debugger) another may have taken
// the run over, so nothing is done, and nothing that lies unread is acted on, before that is ruled out. Events wait meanwhile.
import type { Millis } from '../shared/ids.js'

export interface LeasePorts {
  readonly now: () => Millis
  /** Pauses up to this are no reason to ask: shorter than whoever takes over listens first. */
  readonly most: Millis
  /** Resolves once it is sure that nobody else leads; never, if somebody does. */
  readonly confirm: () => Promise<void>
}

export class Lease {
  private renewed: Millis
  private waiting: (() => void)[] | undefined

  constructor(private readonly ports: LeasePorts) {
    this.renewed = ports.now()
  }

  /** Said something that others hear: good for a while. */
  renew(): void {
    this.renewed = this.ports.now()
  }

  /** What is to be done is done at once. */
  get isGood(): boolean {
    return this.waiting === undefined && this.ports.now() - this.renewed <= this.ports.most
  }

  /** Now, or as soon as it is sure that we still lead; in the order of calls. */
  run(work: () => void): void {
    if (this.isGood) return work()
    if (this.waiting !== undefined) return void this.waiting.push(work)
    this.waiting = [work]
    void this.ports.confirm().then(() => this.goOn())
  }

  private goOn(): void {
    const waiting = this.waiting ?? []
    this.waiting = undefined
    this.renew()
    for (const work of waiting) work()
  }
}
