// The coordinator's loop: feeds events to the state machine and performs the effects it returns. It holds the parts that a
// decision needs (slots' book, puzzle table, examples, contributions) and talks to the workers; every part has its own file.
import type { RunConfig } from '../shared/config/run-config.js'
import { RunHalted } from '../shared/errors.js'
import type { Layout } from '../shared/gradients/layout.js'
import type { Epoch, Millis, SlotId, Step, WorkerId } from '../shared/ids.js'
import { decode, encode } from '../shared/protocol/codec.js'
import type { CoordinatorMessage, SnapshotId, WorkerMessage } from '../shared/protocol/messages.js'
import { STEP_PHASES } from '../shared/protocol/messages.js'
import { differingCopy } from '../shared/protocol/snapshot-id.js'
import { helloFrom, senderOf, type Subjects } from '../shared/protocol/subjects.js'
import type { Bus } from '../shared/bus/bus.js'
import { Assignments } from './assignment.js'
import { BoundaryCopies } from './boundary-copies.js'
import type { Courier } from './courier.js'
import type { DenseFreeze } from './dense-freeze.js'
import type { EvaluationDesk } from './evaluate/desk.js'
import { Farewell } from './farewell.js'
import type { PuzzleTable } from './puzzle-table.js'
import type { Observer } from './observer.js'
import type { SlotBook } from './slots.js'
import type { BoundaryState } from './checkpointing.js'
import { next } from './moves.js'
import { welcome } from './reception.js'
import { computeMsOf } from './speed.js'
import { StepDesk } from './step-desk.js'
import { policyOf } from './policy.js'
import { Traffic } from './traffic.js'
import { initialState, type Effect, type Policy, type RunEvent, type RunState } from './run-state.js'
import { transition } from './state.js'

export interface CoordinatorPorts {
  readonly config: RunConfig
  readonly layoutHash: string
  readonly layout: Layout
  readonly bus: Bus
  readonly subjects: Subjects
  /** This life of the coordinator, as told in beacons. */
  readonly incarnation: string
  readonly configText: string
  readonly dataHash: string
  readonly origin: {
    readonly step: Step
    readonly epoch: Epoch
    readonly snapshot: SnapshotId
    /** The checkpoint knows its score. */
    readonly evaluated: boolean
  }
  readonly book: SlotBook
  readonly table: PuzzleTable
  readonly courier: Courier
  readonly desk: EvaluationDesk
  readonly freeze: DenseFreeze
  readonly observer: Observer
  readonly evaluateOnly: boolean
  /** Star topology: a new membership for the buckets that the coordinator owns. */
  readonly assignOwned: (epoch: Epoch, step: Step, team: readonly WorkerId[], shares: readonly number[]) => void
  /** Before an epoch begins. @returns false if another has taken the run over: then it is not ours to begin */
  readonly advance: (epoch: Epoch) => boolean
  readonly save: (state: BoundaryState) => Promise<void>
  /** Saves the states of workers that differ. @returns what was found, in words */
  readonly examine: (step: Step, snapshot: SnapshotId, workers: readonly WorkerId[]) => Promise<string>
  readonly now: () => Millis
}

export type Outcome =
  | { readonly type: 'finished'; readonly why: string; readonly finished: boolean; readonly step: Step }
  | { readonly type: 'rewind'; readonly why: string }

export class CoordinatorLoop {
  state: RunState
  private readonly policy: Policy
  private readonly steps: StepDesk
  private readonly assignments: Assignments
  private readonly copies: BoundaryCopies
  private readonly farewell = new Farewell((worker, message) => this.send(worker, message))
  private saving: Promise<void> = Promise.resolve()
  private readonly events: RunEvent[] = []
  private readonly traffic = new Traffic()
  private busy = false
  private abandoned = false
  private settle: (outcome: Outcome) => void = () => undefined
  private reject: (error: unknown) => void = () => undefined
  readonly outcome: Promise<Outcome>

  constructor(private readonly ports: CoordinatorPorts) {
    const { config, origin } = ports
    this.policy = policyOf(config, ports.evaluateOnly)
    this.state = initialState(origin.step, origin.epoch, origin.evaluated)
    const send = (worker: WorkerId, message: CoordinatorMessage): void => this.send(worker, message)
    const fail = (error: unknown): void => this.fail(error)
    this.assignments = new Assignments({ ...ports, send })
    this.steps = new StepDesk({ ...ports, send, fail })
    this.copies = new BoundaryCopies({
      ...{ ...ports, send, fail },
      onUnsaved: (error) => {
        if (!this.abandoned) ports.observer.checkpointFailed(error)
      },
    })
    this.outcome = new Promise((resolve, reject) => {
      this.settle = resolve
      this.reject = reject
    })
  }

  /** Events that come of performing effects wait their turn: one is done before the next is looked at. */
  dispatch(event: RunEvent): void {
    if (this.abandoned) return
    this.events.push(event)
    if (this.busy) return
    this.busy = true
    try {
      for (let at = this.events.shift(); at !== undefined; at = this.events.shift()) this.happen(at)
    } finally {
      this.busy = false
    }
  }

  private happen(event: RunEvent): void {
    const before = this.state
    const { state, effects, why } = transition(before, event, this.ports.now(), this.policy)
    this.state = state
    if (why !== '') this.ports.observer.decision(why)
    if (state.epoch !== before.epoch || state.members.size !== before.members.size)
      this.ports.observer.membership(state)
    for (const effect of effects) if (!this.abandoned) this.perform(effect)
  }

  onHello(data: Uint8Array, subject: string, respond: ((reply: Uint8Array) => void) | undefined): void {
    if (respond === undefined) return
    const hello = helloFrom(data, subject)
    const reply = welcome(hello, this.ports, this.state)
    respond(encode('helloReply', reply))
    if (reply.type === 'refused') return this.ports.observer.decision(`${hello.worker} is refused: ${reply.why}`)
    this.ports.observer.introduced(hello)
    this.dispatch({ type: 'hello', worker: hello.worker })
  }

  onWorkerMessage(data: Uint8Array, subject: string): void {
    const worker = senderOf(subject)
    const message = decode('worker', data)
    if (this.farewell.hear(worker, message)) return
    if (!this.state.members.has(worker)) {
      if (message.type === 'beat' && this.state.phase !== 'finished' && this.state.phase !== 'halted')
        this.send(worker, { type: 'rejoin', why: 'I had given you up' })
      return
    }
    this.handle(worker, message)
  }

  private handle(worker: WorkerId, message: WorkerMessage): void {
    const { observer, layoutHash, desk } = this.ports
    switch (message.type) {
      case 'prepared':
        if (message.layout !== layoutHash) {
          this.send(worker, {
            type: 'stop',
            why: 'we would be averaging two different networks (layouts differ)',
            finished: false,
          })
          return this.dispatch({ type: 'left', worker, why: 'its layout differs from ours' })
        }
        observer.prepared(worker, message)
        return this.dispatch({ type: 'prepared', worker })
      case 'ready':
        // A late word about an epoch that is over says nothing about who holds what now.
        if (message.epoch === this.state.epoch && this.state.phase === 'syncing') this.ports.book.held(worker)
        return this.dispatch({ type: 'ready', worker, epoch: message.epoch, params: message.params })
      case 'beat':
        observer.beat(worker, message)
        return this.dispatch({
          ...{ type: 'beat', worker, epoch: message.epoch, step: message.step, activity: message.phase },
          moved: this.traffic.moved(worker, message.wireIn + message.wireOut),
        })
      case 'rowGradients':
        if (!this.isCurrent(message)) return observer.dropped('stale')
        return this.steps.contributions.addRows(worker, this.owned(worker).length, message)
      case 'result':
        if (!this.isCurrent(message)) return observer.dropped('stale')
        this.steps.contributions.addResult(worker, this.owned(worker).length, message)
        if (!this.steps.contributions.isWhole(worker)) return
        return this.dispatch({ type: 'result', worker, epoch: message.epoch, step: message.step })
      case 'vote': {
        const { epoch, step, finite, mean, params } = message
        if (this.isCurrent(message)) {
          this.steps.gradientNorm = message.norm
          observer.phases(worker, Object.fromEntries(STEP_PHASES.map((phase, i) => [phase, message.phases[i] ?? 0])))
        }
        return this.dispatch({
          type: 'vote',
          worker,
          epoch,
          step,
          vote: { finite, mean, params },
          computeMs: computeMsOf(message.phases),
        })
      }
      case 'snapshotReady':
        if (!this.copies.isOf(message.snapshot)) return
        return this.dispatch({ type: 'snapshotReady', worker, step: message.step })
      case 'evaluated':
        try {
          return desk.answer(worker, message)
        } finally {
          this.evaluateOn()
        }
      case 'measured':
        return // of a comparison, which no run asks for
      case 'leaving':
        return this.dispatch({ type: 'left', worker, why: message.why })
      case 'trouble':
        observer.decision(`${worker}: ${message.message} -> ${message.remedy}`)
        return this.dispatch({ type: 'left', worker, why: message.message })
      default:
        return message satisfies never
    }
  }

  private isCurrent({ epoch, step }: { epoch: Epoch; step: Step }): boolean {
    return this.state.phase === 'training' && epoch === this.state.epoch && step === this.upcoming
  }

  private get upcoming(): Step {
    return next(this.state.step, this.policy)
  }

  private owned(worker: WorkerId): readonly SlotId[] {
    return this.ports.book.ownedBy(worker)
  }

  private send(worker: WorkerId, message: CoordinatorMessage): void {
    this.ports.bus.publish(this.ports.subjects.toWorker(worker), encode('coordinator', message))
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case 'assign':
        return this.ports.advance(effect.epoch) ? this.guard(this.assign(effect)) : undefined
      case 'begin':
        return this.guard(this.begin(effect.epoch, effect.step))
      case 'commit':
        for (const worker of effect.team) this.send(worker, { type: 'commit', epoch: effect.epoch, step: effect.step })
        return this.steps.commit(effect.step, effect.team)
      case 'discard':
        for (const worker of effect.team)
          this.send(worker, { type: 'discard', epoch: effect.epoch, step: effect.step, why: effect.reason })
        return this.ports.observer.discarded(effect.reason)
      case 'lost':
        this.ports.book.dropped(effect.worker)
        this.ports.courier.forgetWorker(effect.worker)
        this.traffic.forget(effect.worker)
        this.copies.lost(effect.worker)
        this.ports.desk.lost(effect.worker)
        this.ports.observer.lost(effect.worker, effect.how)
        return this.state.phase === 'evaluating' ? this.evaluateOn() : undefined
      case 'snapshot':
        return this.copies.begin(this.state.step, this.state.epoch, this.state.team)
      case 'save':
        this.saving = this.save()
        return this.guard(this.saving)
      case 'remind':
        return this.guard(this.remind(effect))
      case 'evaluate':
        this.ports.desk.begin(this.state.step)
        return this.evaluateOn()
      case 'abandonEvaluation':
        return this.ports.desk.abandon()
      case 'finish':
        return this.close(effect.why, {
          type: 'finished',
          why: effect.why,
          finished: effect.finished,
          step: this.state.step,
        })
      case 'rewind':
        // What is being written of an earlier boundary may still become whole.
        return this.guard(this.saving.then(() => this.settle({ type: 'rewind', why: effect.why })))
      case 'halt':
        this.ports.observer.halted(effect.cause)
        return this.guard(this.halt(effect))
      default:
        return effect satisfies never
    }
  }

  /** Nobody computes any more; what those who differ hold is looked at before they go. */
  private async halt({ why, remedy, suspects }: Extract<Effect, { type: 'halt' }>): Promise<void> {
    const { epoch, step } = this.state
    const snapshot = differingCopy(step, epoch)
    for (const worker of suspects) this.send(worker, { type: 'snapshot', snapshot, step, dense: true })
    const found =
      suspects.length === 0
        ? ''
        : await this.ports
            .examine(step, snapshot, suspects)
            .then((found) => `; ${found}`)
            .catch((error: unknown) => `; their states could not be saved: ${String(error)}`)
    this.close(why)
    this.reject(new RunHalted(`${why}${found}`, remedy))
  }

  private close(why: string, outcome?: Outcome): void {
    const finished = outcome?.type === 'finished' && outcome.finished
    this.farewell.begin(this.state.members.keys(), { type: 'stop', why, finished })
    if (outcome !== undefined) this.settle(outcome)
  }

  /** Resolves when every worker has said goodbye. */
  get parted(): Promise<void> {
    return this.farewell.over
  }

  /** Another leads the run: the workers are its business, not ours. */
  abandon(error: unknown): void {
    this.abandoned = true
    this.reject(error)
  }

  /** A part of ours failed beyond repair. */
  fail(error: unknown): void {
    // What was under way when the run was lost fails for want of workers.
    if (this.abandoned) return
    this.close('the coordinator failed')
    this.reject(error)
  }

  private guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.fail(error))
  }

  private assign({ epoch, team, shares }: Extract<Effect, { type: 'assign' }>): Promise<void> {
    const { step, members } = this.state
    return this.assignments.assign(epoch, step, team, shares, members, () => epoch === this.state.epoch)
  }

  private async begin(epoch: Epoch, step: Step): Promise<void> {
    this.assignments.release()
    await this.steps.begin(step, this.state.team, epoch, () => epoch === this.state.epoch && step === this.upcoming)
  }

  private async save(): Promise<void> {
    const ok = await this.copies.save()
    if (ok !== undefined) this.dispatch({ type: 'checkpointed', ok })
  }

  /** Something was lost on its way: the worker is told, or asked, again. All of it may come twice. */
  private async remind({ worker, epoch, lack }: Extract<Effect, { type: 'remind' }>): Promise<void> {
    const { step } = this.state
    const isCurrent = (): boolean => this.state.epoch === epoch && this.state.step === step
    this.ports.observer.reminded()
    switch (lack) {
      case 'assign':
        return this.assignments.again(worker, () => this.state.step === step && this.state.phase === 'syncing')
      case 'commit':
        this.send(worker, { type: 'commit', epoch, step })
        return this.steps.again(worker, epoch, next(step, this.policy), isCurrent)
      case 'begin':
        return this.steps.again(worker, epoch, next(step, this.policy), isCurrent)
      case 'snapshot':
        return this.copies.ask(worker)
      case 'evaluate': {
        const owed = this.ports.desk.owed(worker, this.ports.table)
        for (const message of owed) this.send(worker, message)
        if (owed.length > 0)
          this.ports.observer.decision(`${worker} waits and owes ${owed.length} answers: asked again`)
        return
      }
      case 'word':
        if (this.state.phase === 'syncing') this.assignments.askCopies()
        return this.send(worker, { type: 'again', epoch })
      default:
        return lack satisfies never
    }
  }

  private evaluateOn(): void {
    const { desk, table } = this.ports
    if (this.state.phase !== 'evaluating') return
    const ready = this.state.team.filter((id) => this.state.members.get(id)?.phase === 'ready')
    for (const { worker, message } of desk.hand(ready, table)) this.send(worker, message)
    if (desk.over) this.dispatch({ type: 'evaluated' })
  }
}
