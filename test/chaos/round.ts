// One run of real processes with one fault after the other, and what came of each: how long until it was noticed, how long
// until a step was committed again. At the end the run must have done the same as one without faults.
import { join } from 'node:path'
import type { Rng } from '../../shared/rng/counter.js'
import { contentsOf, lossesOf, SMALL, type Flags } from '../helpers/cluster.js'
import { Crew, type Role } from './crew.js'
import { nameOf, type Fault } from './faults.js'
import type { Frame, Seen } from './frames.js'
import { inflict } from './inflict.js'
import { Ledger } from './ledger.js'
import type { Direction, Fate } from './link.js'
import { MODES, type ModeName } from './modes.js'
import { FaultSequence, type Suffered } from './sequence.js'

export interface RoundOptions {
  readonly nats: string
  /** Of this round alone. */
  readonly folder: string
  readonly disk: string
  readonly rng: Rng
  readonly workers: number
  readonly mode: ModeName
  readonly faults: readonly Fault[]
  /** Somebody may lose what only he has. */
  readonly losing: boolean
}

export interface RoundResult {
  readonly suffered: readonly Suffered[]
  /** The run was over before their moment came. */
  readonly unused: readonly Fault[]
  /** What must not be; empty if all is well. */
  readonly wrong: readonly string[]
  /** Somebody was given up, or takes with it what is in no checkpoint: bits may differ. */
  readonly mayDiffer: boolean
  /** Draws that slots began, by step and slot. */
  readonly began: Ledger['began']
  readonly folder: string
}

export const STEPS = 204
/** Where nothing is compared: the others train on while a newcomer starts, so there must be enough to do. */
const STEPS_LOSING = 800
export const stepsOf = ({ losing }: Pick<RoundOptions, 'losing'>): number => (losing ? STEPS_LOSING : STEPS)
const CALM_COMMITS = 3
const LIMIT_MS = 150_000
const LIMIT_PER_FAULT_MS = 40_000
const OLD_KEPT = 64

const flagsOf = (options: RoundOptions): Flags => ({
  ...SMALL,
  'run.dir': options.disk,
  'train.steps': stepsOf(options),
  ...MODES[options.mode].flags,
  'reduce.bucketBytes': 8192,
  'checkpoint.everySteps': 12,
  'evaluate.everySteps': 20,
  'cluster.minWorkers': options.losing ? 1 : options.workers,
  'cluster.deadAfterMs': options.losing ? 1500 : 8000,
})

export class Round {
  private readonly ledger: Ledger
  private readonly sequence: FaultSequence
  private readonly wrong: string[] = []
  private readonly old: { subject: string; payload: Buffer }[] = []
  private crew: Crew | undefined

  constructor(
    private readonly options: RoundOptions,
    private readonly say: (line: string) => void,
  ) {
    const { mode, faults, rng, workers } = options
    this.ledger = new Ledger(MODES[mode].round)
    this.sequence = new FaultSequence({
      ...{ faults, rng, workers, ledger: this.ledger, calm: CALM_COMMITS },
      now: () => performance.now(),
      onNewcomer: () => void this.crew?.addWorker('late', true).catch(this.failed),
    })
  }

  async run(): Promise<RoundResult> {
    const { nats, folder, workers, faults, losing, disk } = this.options
    const run = 'r'
    const watch = (role: Role) => (seen: Seen, direction: Direction, frame: Frame) =>
      this.watch(role, seen, direction, frame)
    const crew = await Crew.start({ nats, folder, run, workers, flags: flagsOf(this.options), watch })
    this.crew = crew
    const limit = LIMIT_MS + LIMIT_PER_FAULT_MS * faults.length
    try {
      const timeout = new Promise<undefined>((resolve) => setTimeout(resolve, limit, undefined).unref())
      const status = await Promise.race([crew.over, timeout])
      this.sequence.recover()
      if (status === undefined) this.wrong.push(`hangs after step ${this.ledger.step}: ${this.sequence.lastInWords()}`)
      else if (status !== 0)
        this.wrong.push(`the coordinator ended with ${status} after ${this.sequence.lastInWords()}`)
      else {
        const ends = await crew.workersEnd(15_000)
        // Who is started again when the run is over waits for another.
        if (ends.some((end) => end !== 0 && !(losing && end === undefined)))
          this.wrong.push(`workers ended with ${ends.map(String).join(', ')}`)
      }
    } finally {
      await crew.close()
    }
    const { bits } = MODES[this.options.mode]
    const carriesLost = bits !== 'any' && (losing || / (died|left): /.test(crew.said))
    if (this.wrong.length === 0) {
      this.wrong.push(...this.ledger.check(stepsOf(this.options), carriesLost))
      const steps = [...lossesOf(join(disk, run)).keys()].sort((a, b) => a - b)
      if (steps.length !== stepsOf(this.options) || steps.at(-1) !== steps.length)
        this.wrong.push(`the journal has ${steps.length} steps`)
    }
    const mayDiffer = carriesLost || bits === 'none'
    const { suffered } = this.sequence
    return { suffered, unused: this.sequence.unused(), wrong: this.wrong, mayDiffer, began: this.ledger.began, folder }
  }

  private watch(role: Role, seen: Seen, direction: Direction, frame: Frame): Fate | undefined {
    if (role === 'coordinator') this.sequence.follow(seen, direction)
    if (
      frame.payload !== undefined &&
      direction === 'out' &&
      seen.type !== 'beacon' &&
      seen.subject.startsWith('trmesh.')
    ) {
      this.old.push({ subject: seen.subject, payload: Buffer.from(frame.payload) })
      if (this.old.length > OLD_KEPT) this.old.shift()
    }
    const { crew, sequence } = this
    const armed = sequence.waiting(role, direction)
    if (armed === undefined || crew === undefined || seen.type !== armed.at) return undefined
    sequence.strike(armed)
    this.say(`step ${this.ledger.step}: ${nameOf(armed)}, on the cable of ${role}`)
    const { rng, disk } = this.options
    const deadAfterMs = Number(flagsOf(this.options)['cluster.deadAfterMs'])
    return inflict(armed, { crew, rng, role, deadAfterMs, old: this.old, disk, failed: this.failed }, seen, frame)
  }

  private readonly failed = (error: unknown): void => void this.wrong.push(`the harness: ${String(error)}`)
}

/** Everything of the end that must be the same bits, and the loss of every step. */
export function endOf(disk: string, steps: number): { readonly contents: unknown; readonly losses: unknown } {
  const folder = join(disk, 'r')
  return { contents: contentsOf(folder, steps), losses: [...lossesOf(folder)].sort(([a], [b]) => a - b) }
}
