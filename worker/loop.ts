// The worker's side of the protocol, on the I/O thread: assignments, steps, votes, snapshots, evaluation. It never computes;
// it passes work to the compute thread and bytes to the bus. A message that belongs to no current (epoch, step) is stale:
// counted and dropped. A step that is discarded while under way leaves nothing behind.
import { bytesOf } from '../shared/bytes.js'
import type { RunConfig } from '../shared/config/run-config.js'
import { BusUnreachable, RunError, WireError } from '../shared/errors.js'
import type { Epoch, Millis, SlotId, Step, WorkerId } from '../shared/ids.js'
import { encode, floatsOf } from '../shared/protocol/codec.js'
import {
  STEP_PHASES,
  type CoordinatorMessage,
  type SnapshotId,
  type WorkerMessage,
  type WorkerPhase,
} from '../shared/protocol/messages.js'
import type { Subjects } from '../shared/protocol/subjects.js'
import type { Bus } from '../shared/bus/bus.js'
import { chunkBytes } from '../shared/bus/transfer.js'
import type { AllReduce } from './allreduce.js'
import type { Arena } from './arena.js'
import type { Compute } from './compute/client.js'
import type { EmaDistance, PhaseTimes } from './compute/port.js'
import type { Energy } from './energy.js'
import { ExampleQueue } from './examples.js'
import { ArrivingRows } from './arriving-rows.js'
import { measureFor } from './measuring.js'
import { computeRound, type Stepped } from './round.js'
import { RoundExamples } from './round-examples.js'
import { Snapshots } from './snapshots.js'
import { ordersOf, pullCarries, pullDense } from './state-pull.js'

type MessageTo<T extends CoordinatorMessage['type']> = Extract<CoordinatorMessage, { type: T }>

export interface WorkerPorts {
  readonly config: RunConfig
  readonly me: WorkerId
  readonly bus: Bus
  readonly subjects: Subjects
  readonly compute: Compute
  readonly arena: Arena
  readonly allreduce: AllReduce
  readonly energy: Energy
  readonly now: () => Millis
  /** A step was committed; phases in milliseconds. */
  readonly onCommit: (step: Step, phases: PhaseTimes, slots: number, ema: EmaDistance | null) => void
  readonly onStale: () => void
  readonly onRejoin: (why: string) => void
  readonly onStop: (why: string, finished: boolean) => void
  readonly onTrouble: (error: unknown) => void
}

export class WorkerLoop {
  readonly snapshots = new Snapshots()
  phase: WorkerPhase = 'starting'
  epoch = 0 as Epoch
  step = 0 as Step
  /** Seconds spent waiting for examples. */
  starvedMs = 0
  private readonly examples = new ExampleQueue()
  private slots: readonly SlotId[] = []
  private states = { hInit: new Float32Array(0), lInit: new Float32Array(0) }
  /** Puzzle rows that have arrived for the step to come. */
  private readonly rows = new ArrivingRows()
  /** What the coordinator was told of this assignment or step, to be said again if it was lost. */
  private told: WorkerMessage[] = []
  /** The assignment that is being taken up, until it is in place. */
  private assigned: MessageTo<'assign'> | undefined
  /** Changes whenever what is under way becomes void. */
  private attempt = 0
  private phases: PhaseTimes = {}
  private begun: RoundExamples['begun'] = []
  /** Of the step begun last: its commit leaves the dense weights alone. */
  private frozen = false
  /** The step begun last. */
  private began: { readonly epoch: Epoch; readonly step: Step } | undefined
  /** What this worker voted for last, until it is committed or discarded. */
  private voted: { readonly epoch: Epoch; readonly step: Step } | undefined
  private evaluating = 0

  constructor(private readonly ports: WorkerPorts) {}

  get queued(): number {
    return this.examples.size
  }

  handle(message: CoordinatorMessage): void {
    switch (message.type) {
      case 'assign':
        return this.guard(this.onAssign(message))
      case 'examples':
        return this.onExamples(message)
      case 'rows':
        return this.onRows(message)
      case 'begin':
        return this.guard(this.onBegin(message))
      case 'commit':
        return this.guard(this.onCommit(message))
      case 'discard':
        return this.guard(this.onDiscard(message))
      case 'snapshot':
        return this.guard(this.onSnapshot(message))
      case 'release':
        return this.snapshots.release(message.snapshot)
      case 'again':
        return this.onAgain(message)
      case 'evaluate':
        return this.guard(this.onEvaluate(message))
      case 'measure':
        return this.guard(this.onMeasure(message))
      case 'rejoin':
        return this.ports.onRejoin(message.why)
      case 'stop':
        return this.ports.onStop(message.why, message.finished)
      default:
        return message satisfies never
    }
  }

  /** Tells the coordinator what it waits for, and remembers it: it may be lost. */
  tell(message: WorkerMessage): void {
    this.told.push(message)
    this.send(message)
  }

  private onAgain({ epoch }: MessageTo<'again'>): void {
    if (epoch !== this.epoch) return this.ports.onStale()
    for (const message of this.told) this.send(message)
    if (this.told.length === 0 && this.phase === 'idle' && this.assigned?.epoch === epoch)
      this.guard(this.takeUp(this.assigned))
  }

  send(message: WorkerMessage): void {
    const { bus, subjects, me } = this.ports
    bus.publish(subjects.toCoordinator(me), encode('worker', message))
  }

  private guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof RunError) {
        const { code, message, remedy } = error
        this.send({ type: 'trouble', code, message, remedy })
      }
      this.ports.onTrouble(error)
    })
  }

  private async onAssign(message: MessageTo<'assign'>): Promise<void> {
    const { allreduce } = this.ports
    // Every assignment has an epoch of its own: this one came twice, and what it began must not begin again.
    if (message.epoch <= this.epoch) return this.ports.onStale()
    const caughtUp = message.source === 'self' ? this.catchUp(message.step) : undefined
    if (message.source === 'self' && message.step !== this.step)
      return this.ports.onRejoin(`I hold the state of step ${this.step}, not of step ${message.step}`)
    this.voted = undefined
    this.epoch = message.epoch
    this.step = message.step
    this.told = []
    this.assigned = message
    allreduce.assign(message.epoch, this.exchangeAt(message.step), message.members, message.shares)
    // After the update of `caughtUp`, before the slots change: the compute thread keeps the order.
    const keep = message.keep as SnapshotId
    if (keep !== '' && !this.snapshots.has(keep)) this.guard(this.copy(keep, message.dense))
    await caughtUp
    return this.takeUp(message)
  }

  /** Pulls what it lacks for its slots and puts them in place. */
  private async takeUp(message: MessageTo<'assign'>): Promise<void> {
    const { compute } = this.ports
    const attempt = ++this.attempt
    this.phase = 'syncing'
    const carries = await this.pullAll(message)
    if (attempt !== this.attempt) return
    if (carries === undefined) {
      // Whoever should have answered is gone, and the coordinator assigns anew; or it asks for our word, and we try again.
      this.phase = 'idle'
      return
    }
    // They were sent ahead of the assignment.
    this.phase = 'waiting-for-data'
    const examples = await this.examples.await(
      message.slots.flatMap((slot, i) => (message.carry[i] === 'pull' ? [{ slot, draw: message.draws[i]! }] : [])),
    )
    if (attempt !== this.attempt) return
    this.phase = 'syncing'
    const orders = ordersOf(message, examples)
    await compute.call({ type: 'slots', orders, carries })
    const { params } = await compute.call({ type: 'check' })
    if (attempt !== this.attempt) return
    this.slots = message.slots
    this.examples.keepOnly(message.slots)
    this.assigned = undefined
    this.phase = 'idle'
    this.tell({ type: 'ready', epoch: message.epoch, params })
  }

  /** Where the commit was lost on its way. It must have been of what we voted for: without our vote there is none. */
  private catchUp(step: Step): Promise<void> | undefined {
    if (this.voted === undefined || step !== this.upcoming) return undefined
    this.attempt++
    return this.commit(step)
  }

  /** The carries to load; undefined if somebody does not answer. */
  private async pullAll(message: MessageTo<'assign'>): Promise<Float32Array | undefined> {
    const { compute } = this.ports
    try {
      if (message.source !== 'self') {
        const states = await pullDense(this.ports, message)
        if (message.epoch !== this.epoch) return undefined
        this.states = states
        await compute.call({ type: 'adopt', ...states })
      }
      return await pullCarries(this.ports, message)
    } catch (error) {
      if (error instanceof BusUnreachable || error instanceof WireError) return undefined
      throw error
    }
  }

  private onExamples({ slots, draws, puzzles, inputs, labels }: MessageTo<'examples'>): void {
    const { seqLen } = this.ports.config.model
    slots.forEach((slot, i) =>
      this.examples.add({
        slot,
        draw: draws[i]!,
        puzzle: puzzles[i]!,
        inputs: inputs.slice(i * seqLen, (i + 1) * seqLen),
        labels: labels.slice(i * seqLen, (i + 1) * seqLen),
      }),
    )
  }

  private onRows({ epoch, step, first, data }: MessageTo<'rows'>): void {
    if (epoch !== this.epoch || step !== this.upcoming) return this.ports.onStale()
    const floats = floatsOf(data)
    this.ports.arena.rows.set(floats, first * this.ports.config.model.puzzleEmbDim)
    this.rows.add(`${epoch} ${step}`, first, floats.length)
  }

  /** The step that the round under way, or to come, ends with. */
  private get upcoming(): Step {
    return (this.step + this.ports.config.reduce.localSteps) as Step
  }

  /** Rounds up to `step`: exchanges are counted one by one. */
  private exchangeAt(step: Step): Step {
    return (step / this.ports.config.reduce.localSteps) as Step
  }

  private async onBegin({ epoch, step, slots, draws, puzzles, frozen }: MessageTo<'begin'>): Promise<void> {
    if (epoch !== this.epoch || step !== this.upcoming) return this.ports.onStale()
    // A step that is replayed is of another epoch: this one came twice.
    if (this.began?.epoch === epoch && this.began.step === step) return this.ports.onStale()
    this.began = { epoch, step }
    this.snapshots.settled()
    this.told = []
    const { compute, allreduce, config, now } = this.ports
    const attempt = ++this.attempt
    const asked = now()
    this.phase = 'waiting-for-data'
    this.frozen = frozen
    const sent = await this.examples.await(slots.map((slot, i) => ({ slot, draw: draws[i]! })))
    await this.rows.await(`${epoch} ${step}`, puzzles.length * config.model.puzzleEmbDim)
    if (attempt !== this.attempt) return
    const started = now()
    this.starvedMs += started - asked
    this.phase = 'computing'
    const { localSteps: length } = config.reduce
    const examples = new RoundExamples(sent, length, config.data.sampler === 'official')
    this.begun = examples.begun
    const order = { first: (this.step + 1) as Step, length, slots: this.slots, puzzles, frozen }
    const round = await computeRound(compute, order, examples, (inner, stepped) => {
      if (attempt !== this.attempt) return false
      this.sendResult(epoch, step, inner, stepped)
      return true
    })
    if (round === undefined || attempt !== this.attempt) return
    this.phase = 'reducing'
    const computed = now()
    await allreduce.run(epoch, this.exchangeAt(step), round.nodes ?? undefined, round.halves)
    if (attempt !== this.attempt) return
    const reduced = now()
    this.phase = 'voting'
    const checked = await compute.call({ type: 'check' })
    if (attempt !== this.attempt) return
    const { mean, params, norm } = checked
    this.phases = { data: started - asked, ...round.phases, reduce: reduced - computed, check: checked.ms }
    this.voted = { epoch, step }
    const phases = STEP_PHASES.map((phase) => this.phases[phase] ?? 0)
    this.tell({ type: 'vote', epoch, step, finite: checked.finite && round.finite, mean, params, norm, phases })
  }

  private sendResult(epoch: Epoch, step: Step, inner: number, { sums, halted, steps }: Stepped): void {
    const { arena, bus, config } = this.ports
    const dim = config.model.puzzleEmbDim
    if (dim > 0) {
      const perMessage = Math.max(1, Math.floor(chunkBytes(bus) / (dim * 4)))
      for (let first = 0; first < this.slots.length; first += perMessage) {
        const last = Math.min(first + perMessage, this.slots.length)
        // A copy: it may have to be said again, and the round's next step overwrites it.
        const data = bytesOf(arena.rowGradients.slice(first * dim, last * dim))
        this.tell({ type: 'rowGradients', epoch, step, inner, first, data })
      }
    }
    this.tell({ type: 'result', epoch, step, inner, sums: [...sums], halted, steps })
  }

  private async onCommit({ epoch, step }: MessageTo<'commit'>): Promise<void> {
    if (epoch !== this.epoch || step !== this.upcoming) return this.ports.onStale()
    const attempt = ++this.attempt
    this.phase = 'committing'
    await this.commit(step)
    if (attempt === this.attempt) this.phase = 'idle'
  }

  private async commit(step: Step): Promise<void> {
    this.step = step
    this.voted = undefined
    for (const { slot, draw } of this.begun) this.examples.forget(slot, draw)
    const { ms, ema } = await this.ports.compute.call({ type: 'commit', step, frozen: this.frozen })
    this.ports.onCommit(step, { ...this.phases, commit: ms }, this.slots.length, ema)
  }

  private async onDiscard({ epoch, step }: MessageTo<'discard'>): Promise<void> {
    if (epoch !== this.epoch || step !== this.upcoming) return this.ports.onStale()
    this.attempt++
    this.voted = undefined
    this.phase = 'idle'
    await this.ports.compute.call({ type: 'discard' })
  }

  private async onSnapshot({ snapshot, step, dense }: MessageTo<'snapshot'>): Promise<void> {
    // Asked twice: by now the slots may have moved on, and the copy is what is left of them.
    if (!this.snapshots.has(snapshot)) {
      const caughtUp = this.catchUp(step)
      if (this.step !== step) return this.ports.onRejoin(`I hold the state of step ${this.step}, not of step ${step}`)
      const copy = this.copy(snapshot, dense)
      await caughtUp
      await copy
    }
    await this.snapshots.made(snapshot)
    this.send({ type: 'snapshotReady', snapshot, step })
  }

  private async copy(snapshot: SnapshotId, dense: boolean): Promise<void> {
    const copy = this.ports.compute.call({ type: 'snapshot', snapshot, dense }).then(({ dense, carries, slots }) => {
      const { params, mean } = this.ports.arena
      return { dense, elements: params.length, carries, slots, ...this.states, mean }
    })
    this.snapshots.add(snapshot, copy)
    await copy
  }

  private async onEvaluate(message: MessageTo<'evaluate'>): Promise<void> {
    const { evaluation, unit, step, inputs, rows, boxes, draws, chains, ...question } = message
    // The compute thread keeps the order: the update comes before the answers.
    void this.catchUp(step)
    if (this.step !== step) return this.ports.onRejoin(`I hold the state of step ${this.step}, not of step ${step}`)
    this.evaluating++
    this.phase = 'evaluating'
    const { preds, q, halts } = await this.ports.compute.call({
      type: 'evaluate',
      inputs: inputs.slice(),
      rows: floatsOf(rows),
      boxes: boxes.slice(),
      draws,
      chains,
      question,
    })
    this.evaluating--
    if (this.evaluating === 0 && this.phase === 'evaluating') this.phase = 'idle'
    this.send({ type: 'evaluated', evaluation, unit, preds, q: bytesOf(q), halts: bytesOf(halts) })
  }

  private async onMeasure(message: MessageTo<'measure'>): Promise<void> {
    this.phase = 'computing'
    this.send(await measureFor(message, this.ports.compute, this.ports.energy))
    this.phase = 'idle'
  }
}
