// An observer that says nothing: what others leave out.
import type { Observer } from './observer.js'

const nothing = (): void => undefined

export const quietObserver: Observer = {
  decision: nothing,
  membership: nothing,
  introduced: nothing,
  prepared: nothing,
  beat: nothing,
  lost: nothing,
  phases: nothing,
  committed: nothing,
  discarded: nothing,
  dropped: nothing,
  reminded: nothing,
  checkpointed: nothing,
  checkpointFailed: nothing,
  evaluating: nothing,
  halted: nothing,
  evaluated: nothing,
}
