// A whole run in virtual time: the real state machine of the coordinator, workers that do what worker/loop.ts does as far as
// the protocol goes, and a network that delays, loses, doubles and replays. Everything follows from the random numbers, so a
// schedule that breaks something can be had again. Replicas are hashes: of the steps that were applied, in order.
import type { Effect, HaltCause, Policy, RunEvent } from '../../coordinator/run-state.js'
import { epochOf, millis, stepOf, workerId, type WorkerId } from '../../shared/ids.js'
import type { Rng } from '../../shared/rng/counter.js'
import { Machine } from './run-machine.js'
import { NETWORK_MS, SimulatedNetwork, type Harm, type Once } from './simulated-network.js'
import type { SimulatedWorker as Worker, ToWorker } from './simulated-worker.js'

const COMPUTE_MS = 60
const BEAT_MS = 500
const TICK_MS = 250
const ORIGIN = 'origin'

/** What every replica holds after so many steps. */
export const replicaAfter = (steps: number): string => `${ORIGIN}+${steps}`

export class Simulation extends SimulatedNetwork {
  machine: Machine
  readonly wrong: string[] = []
  /** Steps. */
  commits = 0
  /** What a run may stop for: its misfortunes. */
  private readonly allowed: readonly HaltCause[]
  /** Times that a new coordinator went on from a checkpoint. */
  restarts = 0
  over = false
  discards = 0
  /** When whoever lacks the message that is lost once was told or asked again, or learned of it by another message. */
  noticedAt: number | undefined
  private readonly workers = new Map<WorkerId, Worker>()
  private readonly assigned = new Map<WorkerId, ToWorker>()
  private born = 0
  private saved = 0
  private life = 0

  constructor(
    rng: Rng,
    private readonly policy: Partial<Policy>,
    harm: Harm,
    once?: Once,
  ) {
    super(rng, harm, once)
    this.machine = new Machine(policy)
    this.allowed = [
      ...(harm.notFinite > 0 ? ['not-finite' as const] : []),
      ...(harm.unsaved > 0 ? ['unsaved' as const] : []),
    ]
  }

  /** Until the run is over or the virtual time is up. */
  run(workers: number, limitMs: number): void {
    for (let i = 0; i < workers; i++) this.join()
    this.tick()
    this.misfortune()
    for (let next = this.agenda.next(); next !== undefined && !this.over; next = this.agenda.next()) {
      if (next.at > limitMs) {
        const { phase, step, epoch, team } = this.machine.state
        this.wrong.push(
          `not over after ${limitMs / 1000} s: ${phase}, step ${step}, epoch ${epoch}, team of ${team.length}`,
        )
        return
      }
      this.now = next.at
      next.run()
    }
  }

  private get stride(): number {
    return this.machine.policy.stride
  }

  private tick(): void {
    this.tell({ type: 'tick' })
    if (!this.over) this.after(TICK_MS, () => this.tick())
  }

  private misfortune(): void {
    const { die, pause, join, coordinator, until } = this.harm
    const someone = [...this.workers.values()][Math.floor(this.rng.uniform() * this.workers.size)]
    if (someone !== undefined && this.chance(die)) {
      this.workers.delete(someone.id)
      this.after(this.rng.uniform() * 3000, () => this.join())
    } else if (someone !== undefined && this.chance(pause)) someone.pausedUntil = this.now + this.rng.uniform() * 12_000
    if (this.chance(join) && this.workers.size < 6) this.join()
    if (this.chance(coordinator)) this.restart()
    if (this.now < until) this.after(1000, () => this.misfortune())
  }

  /** Another coordinator goes on from the last checkpoint; the workers begin again. */
  private restart(): void {
    this.restarts++
    this.life++
    const epoch = this.machine.state.epoch
    const crew = this.workers.size
    this.workers.clear()
    this.machine = new Machine(this.policy, { step: this.saved, epoch, evaluated: true })
    this.machine.now = millis(this.now)
    for (let i = 0; i < crew; i++) this.join()
  }

  private join(): void {
    const id = workerId(`w-${this.born++}`)
    const worker: Worker = {
      ...{ id, held: -1, hash: '', epoch: 0, voted: false, phase: 'starting', attempt: 0, computed: false },
      ...{ computeMs: 0, began: '', told: [] },
      ...{ team: [], parts: new Set<string>(), pausedUntil: 0 },
      slowness: this.slownessOf(this.born - 1),
    }
    this.workers.set(id, worker)
    this.report(worker, { type: 'hello', worker: id })
    this.after(100 + this.rng.uniform() * 900, () => {
      worker.phase = 'idle'
      this.word(worker, { type: 'prepared', worker: id })
    })
    this.after(NETWORK_MS, () => this.beat(worker))
  }

  private beat(worker: Worker): void {
    if (this.workers.get(worker.id) !== worker || this.over) return
    const { id, phase, epoch, held } = worker
    const step = stepOf(Math.max(0, held))
    this.report(worker, { type: 'beat', worker: id, epoch: epochOf(epoch), step, activity: phase })
    this.after(BEAT_MS, () => this.beat(worker))
  }

  /** Of the so-manieth worker. */
  slownessOf = (_born: number): number => {
    if (this.policy.balance !== true) return 1
    const draw = this.rng.uniform()
    return draw < 0.1 ? 20 : draw < 0.5 ? 1 : 1 + 2 * this.rng.uniform()
  }

  /** Something that it would say again if asked. */
  private word(worker: Worker, event: RunEvent): void {
    worker.told.push(event)
    this.report(worker, event)
  }

  /** From a worker to the coordinator. Whom it does not know, it asks to begin again. */
  private report(worker: Worker, event: RunEvent): void {
    const { life } = this
    // A worker that stands still says nothing; what it was about to say it says then.
    if (worker.pausedUntil > this.now)
      return this.after(worker.pausedUntil - this.now, () => this.report(worker, event))
    if (this.workers.get(worker.id) !== worker) return
    const deliver = (): void => {
      if (life !== this.life) return
      const known = this.machine.state.members.has(worker.id)
      if (!known && event.type === 'hello') return this.tell(event)
      if (known) return this.tell(event)
      if (event.type === 'beat') this.send('c', worker.id, 'rejoin', () => this.again(worker))
    }
    // A hello is a request: it is asked until it is answered, and a doubled one is a second worker's business.
    if (event.type === 'hello') this.after(this.rng.uniform() * NETWORK_MS, deliver)
    else this.send(worker.id, 'c', event.type, deliver)
  }

  private again(worker: Worker): void {
    if (this.workers.get(worker.id) !== worker) return
    this.workers.delete(worker.id)
    this.join()
  }

  private tell(event: RunEvent): void {
    if (this.over) return
    const before = this.machine.state.step
    const known = this.machine.effects.length
    this.machine.now = millis(this.now)
    this.machine.on(event)
    const effects = this.machine.effects.slice(known)
    for (const effect of effects) this.perform(effect, before)
  }

  private perform(effect: Effect, before: number): void {
    const { machine, life } = this
    const { step, team, epoch } = machine.state
    switch (effect.type) {
      case 'assign': {
        const holds = (id: WorkerId): boolean => machine.state.members.get(id)?.holdsState === true
        const lead = effect.team.find(holds)
        for (const id of effect.team) {
          const source = holds(id) ? 'self' : (lead ?? 'coordinator')
          this.assigned.set(id, { type: 'assign', epoch: effect.epoch, step, source })
          this.instruct(id, this.assigned.get(id)!)
        }
        return
      }
      case 'begin':
        for (const id of team) this.instruct(id, { type: 'begin', epoch, step: effect.step, team })
        return
      case 'commit':
        if (effect.step !== before + this.stride)
          this.wrong.push(`step ${effect.step} is committed after step ${before}`)
        this.commits += this.stride
        for (const id of effect.team)
          this.instruct(id, { type: 'commit', epoch: effect.epoch, step: effect.step, team })
        return
      case 'discard':
        this.discards++
        for (const id of effect.team)
          this.instruct(id, { type: 'discard', epoch: effect.epoch, step: effect.step, team })
        return
      case 'snapshot':
        for (const id of team) this.instruct(id, { type: 'snapshot', step })
        return
      case 'save': {
        const ok = !this.chance(this.harm.unsaved)
        this.after(200 + this.rng.uniform() * 800, () => {
          if (life !== this.life) return
          if (ok) this.saved = step
          this.tell({ type: 'checkpointed', ok })
        })
        return
      }
      case 'evaluate':
        return this.evaluate(step)
      case 'rewind':
        return this.restart()
      case 'finish':
        this.over = true
        if (step !== machine.policy.steps) this.wrong.push(`over after ${step} steps`)
        return
      case 'halt':
        this.over = true
        if (!this.allowed.includes(effect.cause)) this.wrong.push(`halts: ${effect.why}`)
        return
      case 'remind':
        return this.remind(effect)
      case 'lost':
      case 'abandonEvaluation':
        return
      default:
        return effect satisfies never
    }
  }

  private noticed(worker: WorkerId): void {
    if (this.lostBetween.includes(worker)) this.noticedAt ??= this.now
  }

  private remind({ worker, epoch, lack }: Extract<Effect, { type: 'remind' }>): void {
    this.noticed(worker)
    const { step, team } = this.machine.state
    switch (lack) {
      case 'assign':
        return this.instruct(worker, this.assigned.get(worker)!)
      case 'commit':
        this.instruct(worker, { type: 'commit', epoch, step, team })
        return this.instruct(worker, { type: 'begin', epoch, step: step + this.stride, team })
      case 'begin':
        return this.instruct(worker, { type: 'begin', epoch, step: step + this.stride, team })
      case 'snapshot':
        return this.instruct(worker, { type: 'snapshot', step })
      case 'word':
        return this.instruct(worker, { type: 'again', epoch })
      case 'evaluate':
        return
    }
  }

  /** The desk hands its units to whoever is there, so only the loss of all keeps it from its end. */
  private evaluate(step: number): void {
    const { life } = this
    this.after(300 + this.rng.uniform() * 1500, () => {
      const { phase, step: now } = this.machine.state
      if (life === this.life && phase === 'evaluating' && now === step) this.tell({ type: 'evaluated' })
    })
  }

  private instruct(id: WorkerId, message: ToWorker): void {
    this.send('c', id, message.type, () => this.hear(id, message))
  }

  private hear(id: WorkerId, message: ToWorker): void {
    const worker = this.workers.get(id)
    if (worker === undefined) return
    if (worker.pausedUntil > this.now) return this.after(worker.pausedUntil - this.now, () => this.hear(id, message))
    if (message.type === 'assign') return this.onAssign(worker, message)
    if (message.type === 'snapshot') {
      if (worker.voted && message.step === worker.held + this.stride) this.apply(worker)
      if (message.step !== worker.held) return this.again(worker)
      return this.report(worker, { type: 'snapshotReady', worker: id, step: stepOf(message.step) })
    }
    if (message.type === 'again') return this.sayAgain(worker, message.epoch)
    // Parts of a step may come before we have begun it ourselves, or heard of the commit of the one before.
    if (message.type === 'part') {
      if (message.epoch !== worker.epoch) return
      worker.parts.add(`${message.step} ${message.from}`)
      return this.vote(worker)
    }
    if (message.epoch !== worker.epoch || message.step !== worker.held + this.stride) return
    switch (message.type) {
      case 'begin':
        return this.compute(worker, message.step, message.team)
      case 'commit':
        worker.attempt++
        if (!worker.voted) this.wrong.push(`${id} commits step ${message.step}, for which it did not vote`)
        return this.apply(worker)
      case 'discard':
        worker.attempt++
        worker.voted = false
        worker.phase = 'idle'
        return
    }
  }

  private sayAgain(worker: Worker, epoch: number): void {
    if (epoch !== worker.epoch) return
    for (const event of worker.told) this.report(worker, event)
    const unready = worker.told.length === 0 && worker.phase === 'idle' && this.assigned.get(worker.id)
    if (unready && unready.type === 'assign' && unready.epoch === epoch) this.takeUp(worker, unready)
  }

  private onAssign(worker: Worker, { epoch, step, source }: Extract<ToWorker, { type: 'assign' }>): void {
    if (epoch <= worker.epoch) return
    const missed = source === 'self' && step !== worker.held
    if (missed && !(worker.voted && step === worker.held + this.stride)) return this.again(worker)
    if (missed) this.apply(worker)
    Object.assign(worker, { epoch, voted: false, computed: false })
    worker.parts = new Set()
    worker.told = []
    this.takeUp(worker, { epoch, step, source })
  }

  private takeUp(worker: Worker, { epoch, step, source }: Omit<Extract<ToWorker, { type: 'assign' }>, 'type'>): void {
    const attempt = ++worker.attempt
    worker.phase = 'syncing'
    const ready = (): void => {
      if (attempt !== worker.attempt) return
      worker.phase = 'idle'
      this.word(worker, { type: 'ready', worker: worker.id, epoch: epochOf(epoch), params: worker.hash })
    }
    if (source === 'self') return this.after(5, ready)
    this.after(50 + this.rng.uniform() * 300, () => {
      if (attempt !== worker.attempt) return
      const lead = source === 'coordinator' ? undefined : this.workers.get(source)
      // Nobody answers the pull, or he has gone on already.
      if (source !== 'coordinator' && lead?.held !== step) return void (worker.phase = 'idle')
      worker.held = step
      worker.hash = lead?.hash ?? replicaAfter(step)
      ready()
    })
  }

  private compute(worker: Worker, step: number, team: readonly WorkerId[]): void {
    const { id, epoch } = worker
    if (worker.began === `${epoch} ${step}`) return
    worker.began = `${epoch} ${step}`
    worker.told = []
    const attempt = ++worker.attempt
    Object.assign(worker, { phase: 'computing', computed: false, team })
    const { shares, team: all } = this.machine.state
    const units = (shares[all.indexOf(id)] ?? 1) / 2
    const took = COMPUTE_MS * this.stride * (0.5 + this.rng.uniform()) * worker.slowness * units
    worker.computeMs = took
    this.after(took, () => {
      if (attempt !== worker.attempt) return
      worker.computed = true
      worker.phase = 'reducing'
      this.word(worker, { type: 'result', worker: id, epoch: epochOf(epoch), step: stepOf(step) })
      worker.parts.add(`${step} ${id}`)
      for (const other of team)
        if (other !== id) this.send(id, other, 'part', () => this.hear(other, { type: 'part', epoch, step, from: id }))
      this.vote(worker)
    })
  }

  private vote(worker: Worker): void {
    const here = (id: WorkerId): boolean => worker.parts.has(`${worker.held + this.stride} ${id}`)
    if (!worker.computed || worker.voted || !worker.team.every(here)) return
    worker.voted = true
    worker.phase = 'voting'
    const step = worker.held + this.stride
    const vote = { finite: !this.chance(this.harm.notFinite), mean: `mean of step ${step}`, params: worker.hash }
    const { id, epoch } = worker
    this.word(worker, {
      type: 'vote',
      worker: id,
      epoch: epochOf(epoch),
      step: stepOf(step),
      vote,
      computeMs: worker.computeMs,
    })
  }

  private apply(worker: Worker): void {
    if (this.once?.type === 'commit') this.noticed(worker.id)
    worker.held += this.stride
    worker.hash = replicaAfter(Number(worker.hash.slice(ORIGIN.length + 1)) + this.stride)
    if (worker.hash !== replicaAfter(worker.held))
      this.wrong.push(`${worker.id} holds ${worker.hash} as the state of step ${worker.held}`)
    if (worker.held > this.machine.state.step && this.restarts === 0)
      this.wrong.push(`${worker.id} applied step ${worker.held}, which was never committed`)
    Object.assign(worker, { voted: false, computed: false, phase: 'idle' })
  }
}
