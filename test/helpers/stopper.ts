// A signal to stop that a test gives.
import type { StopSignal } from '../../shared/ports.js'

export class Stopper implements StopSignal {
  requested = false
  private readonly handlers: (() => void)[] = []
  onStop(handler: () => void): void {
    if (this.requested) handler()
    else this.handlers.push(handler)
  }
  stop(): void {
    this.requested = true
    for (const handler of this.handlers.splice(0)) handler()
  }
}
