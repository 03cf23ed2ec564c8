// The words of the run's state machine: its state, what can happen to it, what it wants done. state.ts decides.
import type { Epoch, Millis, Step, WorkerId } from '../shared/ids.js'
import type { WorkerPhase } from '../shared/protocol/messages.js'
import type { Speeds } from './speed.js'

export interface Policy {
  readonly minWorkers: number
  /** No more workers than slots: the rest stand by. */
  readonly maxWorkers: number
  /** The result must not depend on who died: carries that are lost mean going back to the last checkpoint. */
  readonly exact: boolean
  /** Silence after which a worker is dead, at least: see shared/deadlines.ts. */
  readonly deadAfter: Millis
  readonly steps: number
  /** Steps that are committed together: one, or a round of local steps. */
  readonly stride: number
  /** Training ends, as if all steps were done, after this time; infinite: never. */
  readonly budget: Millis
  /** 0: never. */
  readonly checkpointEvery: number
  /** 0: only at the end. */
  readonly evaluateEvery: number
  /** Evaluate what was resumed, then end; nothing is trained, nothing is saved. */
  readonly evaluateOnly: boolean
  /** Slots follow measured speed (speed.ts). */
  readonly balance: boolean
  /** What slots are dealt in: so many groups of so many slots (mode exact), or single slots. */
  readonly units: number
  readonly unitSlots: number
}

/** Of `train.minutes`. */
export const budgetOf = ({ minutes }: { readonly minutes: number }): Millis =>
  (minutes === 0 ? Infinity : minutes * 60_000) as Millis

export interface Member {
  readonly id: WorkerId
  /** preparing: building its replica. prepared: may join at the next boundary. ready: holds state of this epoch. */
  readonly phase: 'preparing' | 'prepared' | 'syncing' | 'ready' | 'leaving'
  /** Was ready once, so it has the dense state of the last commit. */
  readonly holdsState: boolean
  readonly heard: Millis
  /** As of the last heartbeat. */
  readonly epoch: Epoch
  readonly at: Step
  readonly activity: WorkerPhase
  /** Since when step and activity have been what they are, and nothing much got through. */
  readonly since: Millis
  /** How often it was reminded since then, and when last. */
  readonly reminded: number
  readonly remindedAt: Millis
  /** A straggler stands by until this step; it has been sent to do so this often. */
  readonly restsUntil?: Step
  readonly rests?: number
}

/**
 * What was lost between a worker and us, as its heartbeats tell: an assignment, a commit, what a step needs, the order to
 * copy, rows to answer; or a word of its own: prepared, ready, result, vote.
 */
export type Lack = 'assign' | 'commit' | 'begin' | 'snapshot' | 'evaluate' | 'word'

export interface Vote {
  readonly finite: boolean
  readonly mean: string
  readonly params: string
}

export type DiscardReason = 'member-died' | 'member-left' | 'not-finite' | 'stalled' | 'bus-reconnected'

export interface RunState {
  readonly phase:
    'gathering' | 'syncing' | 'training' | 'snapshotting' | 'evaluating' | 'closing' | 'finished' | 'halted'
  readonly epoch: Epoch
  /** Last committed step. */
  readonly step: Step
  /** The step whose state the coordinator itself can hand out: 0, or that of the checkpoint resumed from. */
  readonly origin: Step
  readonly members: ReadonlyMap<WorkerId, Member>
  /** Members of this epoch, in the order that fixes slots and sums. */
  readonly team: readonly WorkerId[]
  /** The team that the slots were last dealt to; differs from `team` once somebody is lost. */
  readonly assigned: readonly WorkerId[]
  /** Units of slots of each of the team, in order, and since when. */
  readonly shares: readonly number[]
  readonly balancedAt: Step
  readonly speeds: Speeds
  readonly votes: ReadonlyMap<WorkerId, Vote>
  readonly results: ReadonlySet<WorkerId>
  readonly snapshots: ReadonlySet<WorkerId>
  readonly params: ReadonlyMap<WorkerId, string>
  readonly stopping: string | null
  /** When the first step of this process began. */
  readonly trainingSince: Millis | null
  readonly timeIsUp: boolean
  readonly evaluatedAt: Step
  readonly checkpointAt: Step
  readonly writing: boolean
  /** Those whose copies are being written. */
  readonly copied: readonly WorkerId[]
  /** When the last assignment, step, snapshot or evaluation was asked for. */
  readonly askedAt: Millis
  /** Rolling time from the beginning of a step to its commit; 0 before the first. */
  readonly stepMs: number
  /** When the clock was last looked at: a long gap means that we were held up ourselves. */
  readonly tickedAt: Millis | null
  readonly busDown: boolean
  /** How often in a row the step to come was discarded because it was not finite. */
  readonly notFinite: number
}

export type RunEvent =
  | { readonly type: 'hello' | 'prepared'; readonly worker: WorkerId }
  | { readonly type: 'ready'; readonly worker: WorkerId; readonly epoch: Epoch; readonly params: string }
  | {
      readonly type: 'beat'
      readonly worker: WorkerId
      readonly epoch: Epoch
      readonly step: Step
      readonly activity: WorkerPhase
      /** Much of its messages got through since the last one. */
      readonly moved?: boolean
    }
  | { readonly type: 'result'; readonly worker: WorkerId; readonly epoch: Epoch; readonly step: Step }
  | {
      readonly type: 'vote'
      readonly worker: WorkerId
      readonly epoch: Epoch
      readonly step: Step
      readonly vote: Vote
      /** Milliseconds of computing that its slots took. */
      readonly computeMs?: number
    }
  | { readonly type: 'left'; readonly worker: WorkerId; readonly why: string }
  | { readonly type: 'snapshotReady'; readonly worker: WorkerId; readonly step: Step }
  | { readonly type: 'checkpointed'; readonly ok: boolean }
  | { readonly type: 'evaluated' }
  | { readonly type: 'stop'; readonly why: string }
  | { readonly type: 'disconnected' | 'reconnected' }
  | { readonly type: 'tick' }

export type Effect =
  | {
      readonly type: 'assign'
      readonly epoch: Epoch
      readonly team: readonly WorkerId[]
      readonly shares: readonly number[]
    }
  | { readonly type: 'begin'; readonly epoch: Epoch; readonly step: Step }
  /** `team`: those who computed the step, whoever is in the team by now. */
  | { readonly type: 'commit'; readonly epoch: Epoch; readonly step: Step; readonly team: readonly WorkerId[] }
  | {
      readonly type: 'discard'
      readonly epoch: Epoch
      readonly step: Step
      readonly team: readonly WorkerId[]
      readonly reason: DiscardReason
    }
  | { readonly type: 'lost'; readonly worker: WorkerId; readonly how: 'died' | 'left'; readonly why: string }
  | { readonly type: 'remind'; readonly worker: WorkerId; readonly epoch: Epoch; readonly lack: Lack }
  | { readonly type: 'snapshot' }
  /** All copies of the boundary are made: pull and write them while training goes on. */
  | { readonly type: 'save' }
  /** Nobody holds the state of the last step any more: go back to the last checkpoint. */
  | { readonly type: 'rewind'; readonly why: string }
  | { readonly type: 'evaluate' }
  | { readonly type: 'abandonEvaluation' }
  | { readonly type: 'finish'; readonly why: string; readonly finished: boolean }
  | {
      readonly type: 'halt'
      readonly cause: HaltCause
      readonly why: string
      readonly remedy: string
      /** Where replicas differ: one worker of each opinion, whose states are of interest. */
      readonly suspects: readonly WorkerId[]
    }

/** Why a run stops for good: what a person must look at. */
export type HaltCause = 'replicas-differ' | 'not-finite' | 'unsaved'

export interface Transition {
  readonly state: RunState
  readonly effects: readonly Effect[]
  /** Empty when nothing worth a word happened. */
  readonly why: string
}

/** @param evaluated the state of `step` has been evaluated before */
export const initialState = (step: Step, epoch: Epoch, evaluated = true): RunState => ({
  phase: 'gathering',
  epoch,
  step,
  origin: step,
  members: new Map(),
  team: [],
  assigned: [],
  shares: [],
  balancedAt: step,
  speeds: new Map(),
  votes: new Map(),
  results: new Set(),
  snapshots: new Set(),
  params: new Map(),
  stopping: null,
  trainingSince: null,
  timeIsUp: false,
  evaluatedAt: (evaluated ? step : step - 1) as Step,
  checkpointAt: step,
  writing: false,
  copied: [],
  askedAt: 0 as Millis,
  stepMs: 0,
  tickedAt: null,
  busDown: false,
  notFinite: 0,
})
