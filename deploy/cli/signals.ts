// SIGINT and SIGTERM: the first asks everybody to stop politely, the second ends the process at once.
import type { StopSignal } from '../../shared/ports.js'

/** The part of `process` that is used. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', handler: () => void): unknown
}

export interface SignalActions {
  /** The first signal came. */
  readonly polite: () => void
  /** The second came: end now. */
  readonly atOnce: () => void
}

export function listenForStop(source: SignalSource, actions: SignalActions): StopSignal {
  let requested = false
  const handlers: (() => void)[] = []
  const onSignal = (): void => {
    if (requested) return actions.atOnce()
    requested = true
    actions.polite()
    for (const handler of handlers.splice(0)) handler()
  }
  source.on('SIGINT', onSignal)
  source.on('SIGTERM', onSignal)
  return {
    get requested() {
      return requested
    },
    onStop(handler) {
      if (requested) handler()
      else handlers.push(handler)
    },
  }
}
