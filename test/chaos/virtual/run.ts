// One run in virtual time with one fault after the other, and what came of each. The services are the real ones; what they
// stand on is virtual, so the same seed is the same run, message for message.
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { rngFor, type Rng } from '../../../shared/rng/counter.js'
import { lossesOf } from '../../helpers/cluster.js'
import { nameOf, type Fault } from '../faults.js'
import { seenOf } from '../frames.js'
import { Ledger } from '../ledger.js'
import { endOf } from '../round.js'
import { FaultSequence, type Suffered } from '../sequence.js'
import { Broker, type Direction, type VirtualFate } from './broker.js'
import { VirtualCrew, type Role } from './crew.js'
import { VirtualDisk } from './disk.js'
import { harm } from './harm.js'
import type { Worked } from './stand-in.js'
import { VirtualTime } from './time.js'

export interface VirtualRunOptions {
  readonly seed: number
  readonly config: RunConfig
  readonly workers: number
  readonly faults: readonly Fault[]
  /** Somebody may lose what only he has, and bits may differ then. */
  readonly losing: boolean
}

export interface VirtualResult {
  readonly suffered: readonly Suffered[]
  /** The run was over before their moment came. */
  readonly unused: readonly Fault[]
  readonly wrong: readonly string[]
  /** Somebody was given up. */
  readonly lost: boolean
  /** Weights, averages, moments, carries and rows at the end, the loss of every step. */
  readonly end: unknown
  /** Which example every slot worked on in every step, and for how long before. */
  readonly worked: ReadonlyMap<string, string>
  readonly virtualMs: number
  readonly events: number
  /** Of every message, in order: the same for the same seed. */
  readonly trace: string
  readonly said: readonly string[]
}

const CALM_COMMITS = 2
const LIMIT_MS = 120_000
const LIMIT_PER_FAULT_MS = 40_000
const END_MS = 20_000
const OLD_KEPT = 64
const MOST_SAID = 400
/** Of which the coordinator's cable is read all the time. */
const CONTROL = /^trmesh\.[^.]+\.(hello|c|w|beacon)(\.|$)/

export class VirtualRun {
  private readonly rng: Rng
  private readonly time: VirtualTime
  private readonly broker: Broker
  private readonly disk: VirtualDisk
  private readonly crew: VirtualCrew
  private readonly ledger: Ledger
  private readonly sequence: FaultSequence
  private readonly wrong: string[] = []
  private readonly old: { subject: string; payload: Uint8Array }[] = []
  private readonly worked = new Map<string, string>()
  private readonly said: string[] = []
  private readonly trace = createHash('sha256')
  private lost = false

  constructor(private readonly options: VirtualRunOptions) {
    const { seed, config, faults, workers } = options
    this.rng = rngFor(seed, 'virtual')
    this.time = new VirtualTime(rngFor(seed, 'names'))
    this.broker = new Broker(this.time, rngFor(seed, 'network'))
    this.disk = new VirtualDisk(this.time)
    this.ledger = new Ledger(config.reduce.localSteps)
    this.sequence = new FaultSequence({
      ...{ faults, workers, rng: this.rng, ledger: this.ledger, calm: CALM_COMMITS },
      now: () => this.time.now,
      onNewcomer: () => this.haveOneCome(),
    })
    this.crew = new VirtualCrew({
      ...{ time: this.time, broker: this.broker, rng: rngFor(seed, 'speed'), config },
      cable: (role) => (subject, payload, direction) => this.watch(role, subject, payload, direction),
      onNoticed: () => this.sequence.noticed(),
      onLost: () => {
        this.lost = true
        this.sequence.noticed()
      },
      onCommit: (_step, worked) => this.note(worked),
      onWrong: (why) => this.wrong.push(why),
      say: (line) => {
        if (this.said.push(`${(this.time.now / 1000).toFixed(3)} ${line}`) > MOST_SAID) this.said.shift()
      },
    })
  }

  async run(): Promise<VirtualResult> {
    const { config, workers, faults } = this.options
    mkdirSync(config.run.dir, { recursive: true })
    this.time.install()
    this.disk.install()
    const rejected = (error: unknown): void => void this.wrong.push(`nobody awaits: ${String(error)}`)
    process.on('unhandledRejection', rejected)
    process.on('uncaughtException', rejected)
    try {
      this.crew.start('coordinator')
      for (let i = 0; i < workers; i++) this.crew.start(`w${i}`)
      const limit = LIMIT_MS + LIMIT_PER_FAULT_MS * faults.length
      const how = await this.time.run(() => this.crew.over || this.wrong.length > 0, limit)
      if (how !== 'over') this.wrong.push(`hangs (${how}) after step ${this.ledger.step}: ${this.sequence.lastInWords()}; ${this.crew.statuses()}`) // prettier-ignore
      this.sequence.recover()
      if (this.wrong.length === 0) await this.ending()
    } finally {
      this.disk.restore()
      this.time.restore()
      process.off('unhandledRejection', rejected)
      process.off('uncaughtException', rejected)
    }
    if (this.wrong.length === 0) this.check()
    const { steps } = config.train
    return {
      ...{ suffered: this.sequence.suffered, wrong: this.wrong, lost: this.lost, worked: this.worked, said: this.said },
      unused: this.sequence.unused(),
      end: this.wrong.length === 0 ? endOf(config.run.dir, steps) : undefined,
      virtualMs: this.time.now,
      events: this.time.events,
      trace: this.trace.digest('hex'),
    }
  }

  /** The coordinator is done: so must be the workers, soon. */
  private async ending(): Promise<void> {
    const { losing } = this.options
    await this.time.run(() => this.crew.allOver, this.time.now + END_MS)
    for (const [role, { status }] of this.crew.running) {
      // Who is started again when the run is over waits for another.
      if (status === 'failed' || (status === 'running' && !losing && role !== 'late'))
        this.wrong.push(`at the end: ${role} ${status}`)
    }
  }

  private check(): void {
    const { config, losing } = this.options
    const { steps, slots } = config.train
    const carriesLost = config.reduce.mode === 'fast' && (losing || this.lost)
    this.wrong.push(...this.ledger.check(steps, carriesLost))
    const known = [...lossesOf(join(config.run.dir, 'r')).keys()].sort((a, b) => a - b)
    if (known.length !== steps || known.at(-1) !== steps) this.wrong.push(`the journal has ${known.length} steps`)
    // Who died between its vote and the commit told nobody what it had worked on.
    if (!this.lost && this.worked.size !== steps * slots)
      this.wrong.push(`${this.worked.size} slots' steps were committed, not ${steps * slots}`)
  }

  private note(worked: readonly Worked[]): void {
    for (const { step, slot, draw, puzzle, before } of worked)
      this.worked.set(`${step} ${slot}`, `example ${draw} of puzzle ${puzzle} after ${before}`)
  }

  private watch(role: Role, subject: string, payload: Uint8Array, direction: Direction): VirtualFate | undefined {
    this.trace.update(`${this.time.now} ${role} ${direction} ${subject} ${payload.length}`)
    const armed = this.sequence.waiting(role, direction)
    const read = armed !== undefined || (role === 'coordinator' && CONTROL.test(subject))
    const seen = read ? seenOf(subject, payload) : undefined
    if (role === 'coordinator' && seen !== undefined) this.sequence.follow(seen, direction)
    if (direction === 'out' && !subject.endsWith('beacon') && subject.startsWith('trmesh.')) {
      this.old.push({ subject, payload })
      if (this.old.length > OLD_KEPT) this.old.shift()
    }
    if (armed === undefined || seen?.type !== armed.at) return undefined
    this.sequence.strike(armed)
    this.said.push(`${(this.time.now / 1000).toFixed(3)} step ${this.ledger.step}: ${nameOf(armed)}, on the cable of ${role}`) // prettier-ignore
    const { time, broker, crew, disk, rng, old } = this
    const { deadAfterMs } = this.options.config.cluster
    return harm(armed, { time, broker, crew, disk, rng, role, deadAfterMs, old }, seen, payload)
  }

  private haveOneCome(): void {
    // One that came before has joined, and greets no more.
    if (this.crew.running.has('late')) this.crew.kill('late')
    this.crew.start('late', true)
  }
}
