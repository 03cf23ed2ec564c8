// What the loop tells the world: decisions in words, committed steps in numbers. Terminal, metrics and journal each are one.
import type { Millis, Step, WorkerId } from '../shared/ids.js'
import type { Hello, StepPhase, StepSums, WorkerMessage } from '../shared/protocol/messages.js'
import type { EvaluationProgress } from './evaluate/desk.js'
import type { EvaluationResult } from './evaluate/result.js'
import type { DiscardReason, HaltCause, RunState } from './run-state.js'

export interface CommittedStep {
  readonly step: Step
  /** Steps that are committed together; the last of them is a multiple of it. */
  readonly round: number
  /** Over all slots, undivided. */
  readonly sums: StepSums
  readonly workers: number
  readonly lr: number
  /** L2 norm of the mean dense gradient. */
  readonly gradientNorm: number
  /** Examples asked for and not encoded yet, and those encoded since the start. */
  readonly queue: number
  readonly encoded: number
  readonly table: { readonly rows: number; readonly bytes: number }
}

export type WorkerBeat = Extract<WorkerMessage, { type: 'beat' }>
export type WorkerPrepared = Extract<WorkerMessage, { type: 'prepared' }>
export type DroppedWhy = 'stale' | 'garbage'

export interface Observer {
  readonly decision: (why: string) => void
  readonly membership: (state: RunState) => void
  readonly introduced: (hello: Hello) => void
  readonly prepared: (worker: WorkerId, message: WorkerPrepared) => void
  readonly beat: (worker: WorkerId, beat: WorkerBeat) => void
  readonly lost: (worker: WorkerId, how: 'died' | 'left') => void
  readonly phases: (worker: WorkerId, milliseconds: Readonly<Partial<Record<StepPhase, number>>>) => void
  readonly committed: (step: CommittedStep) => void
  readonly discarded: (reason: DiscardReason) => void
  readonly dropped: (why: DroppedWhy) => void
  /** A worker was asked, or told, something again. */
  readonly reminded: () => void
  readonly checkpointed: (step: number, folder: string, duration: Millis, bytes: number) => void
  readonly checkpointFailed: (error: unknown) => void
  readonly evaluating: (progress: EvaluationProgress) => void
  /** The run stops for good. */
  readonly halted: (cause: HaltCause) => void
  readonly evaluated: (step: Step, result: EvaluationResult) => void
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
    reminded: tell('reminded'),
    checkpointed: tell('checkpointed'),
    checkpointFailed: tell('checkpointFailed'),
    evaluating: tell('evaluating'),
    halted: tell('halted'),
    evaluated: tell('evaluated'),
  }
}

/** The means that people read, of one step (spec section 2: losses over all slots, the rest over halted ones). */
export interface StepMeans {
  readonly loss: number
  readonly lmLoss: number
  readonly qHaltLoss: number
  /** What the other parts leave of the whole; rounding noise where q_continue does not learn. */
  readonly qContinueLoss: number
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
    qContinueLoss: (2 * (sums.lossTotal - sums.lmLoss) - sums.qHaltLoss) / slots,
    cellAccuracy: perHalted(sums.accuracy),
    exactAccuracy: perHalted(sums.exactAccuracy),
    qHaltAccuracy: perHalted(sums.qHaltAccuracy),
    haltSteps: perHalted(sums.steps),
    halted: sums.count,
  }
}
