// What the loop tells the world: decisions in words, committed steps in numbers. Terminal, metrics and journal each are one.
import type { Millis, Step, WorkerId } from '../shared/ids.js'
import type { Hello, StepPhase, StepSums, WorkerMessage } from '../shared/protocol/messages.js'
import type { EvaluationProgress, EvaluationResult } from './evaluate/desk.js'
import type { DiscardReason, RunState } from './state.js'

export interface CommittedStep {
  readonly step: Step
  /** Over all slots, undivided. */
  readonly sums: StepSums
  readonly workers: number
  readonly lr: number
  /** Examples asked for and not encoded yet. */
  readonly queue: number
  readonly table: { readonly rows: number; readonly bytes: number }
}

export type WorkerBeat = Extract<WorkerMessage, { type: 'beat' }>
export type WorkerPrepared = Extract<WorkerMessage, { type: 'prepared' }>
export type DroppedWhy = 'stale' | 'garbage'

export interface Observer {
  decision(why: string): void
  membership(state: RunState): void
  introduced(hello: Hello): void
  prepared(worker: WorkerId, message: WorkerPrepared): void
  beat(worker: WorkerId, beat: WorkerBeat): void
  lost(worker: WorkerId): void
  phases(worker: WorkerId, milliseconds: Readonly<Partial<Record<StepPhase, number>>>): void
  committed(step: CommittedStep): void
  discarded(reason: DiscardReason): void
  dropped(why: DroppedWhy): void
  checkpointed(step: number, folder: string, duration: Millis, bytes: number): void
  checkpointFailed(error: unknown): void
  evaluating(progress: EvaluationProgress): void
  evaluated(step: Step, result: EvaluationResult): void
}

/** Tells several. */
export function all(observers: readonly Observer[]): Observer {
  const tell =
    <K extends keyof Observer>(name: K) =>
    (...args: Parameters<Observer[K]>): void => {
      for (const observer of observers) (observer[name] as (...args: Parameters<Observer[K]>) => void)(...args)
    }
  return {
    decision: tell('decision'),
    membership: tell('membership'),
    introduced: tell('introduced'),
    prepared: tell('prepared'),
    beat: tell('beat'),
    lost: tell('lost'),
    phases: tell('phases'),
    committed: tell('committed'),
    discarded: tell('discarded'),
    dropped: tell('dropped'),
    checkpointed: tell('checkpointed'),
    checkpointFailed: tell('checkpointFailed'),
    evaluating: tell('evaluating'),
    evaluated: tell('evaluated'),
  }
}

/** The means that people read, of one step (spec section 2: losses over all slots, the rest over halted ones). */
export interface StepMeans {
  readonly loss: number
  readonly lmLoss: number
  readonly qHaltLoss: number
  /** Shares 0..1 over slots that halted at this step; NaN when none did. */
  readonly cellAccuracy: number
  readonly exactAccuracy: number
  readonly qHaltAccuracy: number
  readonly haltSteps: number
  readonly halted: number
}

export function meansOf(sums: StepSums, slots: number): StepMeans {
  const perHalted = (sum: number): number => sum / sums.count
  return {
    loss: sums.lossTotal / slots,
    lmLoss: sums.lmLoss / slots,
    qHaltLoss: sums.qHaltLoss / slots,
    cellAccuracy: perHalted(sums.accuracy),
    exactAccuracy: perHalted(sums.exactAccuracy),
    qHaltAccuracy: perHalted(sums.qHaltAccuracy),
    haltSteps: perHalted(sums.steps),
    halted: sums.count,
  }
}
