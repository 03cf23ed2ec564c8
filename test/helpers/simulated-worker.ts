// A worker of the simulation, and what it may be told: worker/loop.ts as far as the protocol goes.
import type { RunEvent } from '../../coordinator/run-state.js'
import type { WorkerId } from '../../shared/ids.js'
import type { WorkerPhase } from '../../shared/protocol/messages.js'

export type ToWorker =
  | { type: 'assign'; epoch: number; step: number; source: 'self' | 'coordinator' | WorkerId }
  | { type: 'begin' | 'commit' | 'discard'; epoch: number; step: number; team: readonly WorkerId[] }
  | { type: 'snapshot'; step: number }
  | { type: 'part'; epoch: number; step: number; from: WorkerId }
  | { type: 'again'; epoch: number }

export interface SimulatedWorker {
  readonly id: WorkerId
  /** Steps applied; -1: holds no state. */
  held: number
  hash: string
  epoch: number
  voted: boolean
  phase: WorkerPhase
  attempt: number
  /** Epoch and step begun last. */
  began: string
  /** What it would say again. */
  told: RunEvent[]
  computed: boolean
  computeMs: number
  team: readonly WorkerId[]
  /** Steps and senders of the parts that have come in this epoch. */
  parts: Set<string>
  pausedUntil: number
  /** Of computing, per unit of slots: most alike, some slower, one in ten far too slow. */
  readonly slowness: number
}
