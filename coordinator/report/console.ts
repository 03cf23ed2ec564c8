// The run on the terminal: a live line while it trains, a line for every decision, a table at the end. Numbers are measured
// here unless they say otherwise.
import Table from 'cli-table3'
import { describe } from '../../shared/errors.js'
import type { Millis, Step, WorkerId } from '../../shared/ids.js'
import type { Hello } from '../../shared/protocol/messages.js'
import type { Terminal } from '../../shared/ports.js'
import { wilson } from '../../shared/wilson.js'
import type { EvaluationProgress } from '../evaluate/desk.js'
import type { Accuracy, EarlyScore, EvaluationResult } from '../evaluate/result.js'
import { meansOf, type CommittedStep, type Observer, type WorkerBeat, type WorkerPrepared } from '../observer.js'
import type { DiscardReason, RunState } from '../run-state.js'
import { Rolling } from './rolling.js'

export interface ConsoleOptions {
  readonly out: Terminal
  readonly now: () => Millis
  readonly slots: number
  readonly steps: number
  /** Training ends after this time, if the steps are not done before; infinite: no limit. */
  readonly budget: Millis
  /** Bytes the coordinator itself has sent and received. */
  readonly ownWire: () => number
}

const percent = (share: number): string => (Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)} %`)

export const duration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return '-'
  const s = Math.round(seconds)
  if (s < 90) return `${s} s`
  const m = Math.floor(s / 60)
  return m < 90 ? `${m} min ${s % 60} s` : `${Math.floor(m / 60)} h ${m % 60} min`
}

/** Shares of recent steps: a single step has few halted slots. */
const SMOOTHING_STEPS = 20

export class ConsoleReport implements Observer {
  private readonly labels = new Map<WorkerId, string>()
  private readonly wire = new Map<WorkerId, number>()
  private readonly stepSeconds = new Rolling(SMOOTHING_STEPS)
  private readonly loss = new Rolling(SMOOTHING_STEPS)
  private readonly cells = new Rolling(SMOOTHING_STEPS)
  private readonly exact = new Rolling(SMOOTHING_STEPS)
  private lastAt: Millis | undefined
  private began: Millis | undefined
  private wireAtStart: { step: number; bytes: number } | undefined
  /** Measured over this process's life, for the closing table. */
  readonly summary = { firstStep: 0, lastStep: 0, firstLoss: NaN, seconds: 0 }
  private lastEvaluation: EvaluationResult | undefined
  private evaluatingSince: Millis | undefined

  constructor(private readonly options: ConsoleOptions) {}

  decision(why: string): void {
    this.options.out.line(this.named(why))
  }

  membership(_state: RunState): void {
    // A step that follows a change of members does not measure a step.
    this.lastAt = undefined
  }

  introduced({ worker, label }: Hello): void {
    this.labels.set(worker, label)
  }

  prepared(worker: WorkerId, { backend, device, precision }: WorkerPrepared): void {
    this.options.out.line(`${this.labels.get(worker) ?? worker}: backend ${backend}, ${precision}, ${device}`)
  }

  beat(worker: WorkerId, { wireIn, wireOut }: WorkerBeat): void {
    this.wire.set(worker, wireIn + wireOut)
  }

  lost(worker: WorkerId): void {
    this.wire.delete(worker)
    this.wireAtStart = undefined
  }

  phases(): void {
    // Phases are for metrics; the live line has no room for them.
  }

  committed({ step, round, sums, workers }: CommittedStep): void {
    const { out, now, slots, steps } = this.options
    const means = meansOf(sums, slots)
    const at = now()
    // The steps of a round are told at one moment, and took equally long.
    const ends = step % round === 0
    if (this.lastAt === undefined) {
      if (this.summary.firstStep === 0) this.summary.firstLoss = means.loss
      if (this.summary.seconds === 0) this.summary.firstStep = step
    } else if (ends) {
      this.stepSeconds.add((at - this.lastAt) / 1000 / round)
      this.summary.seconds += (at - this.lastAt) / 1000
    }
    this.began ??= at
    this.summary.lastStep = step
    if (ends) this.lastAt = at
    this.loss.add(means.loss)
    this.cells.add(sums.accuracy, sums.count)
    this.exact.add(sums.exactAccuracy, sums.count)
    const seconds = this.stepSeconds.mean
    out.status(
      [
        `step ${step}/${steps}`,
        `loss ${this.loss.mean.toFixed(3)}`,
        `cells ${percent(this.cells.mean)}`,
        `exact ${percent(this.exact.mean)}`,
        `${Number.isNaN(seconds) ? '-' : (slots / seconds).toFixed(1)} samples/s`,
        `${this.wirePerStep(step)} wire`,
        `${workers} worker${workers === 1 ? '' : 's'}`,
        `ETA ${duration(Math.min((steps - step) * seconds, this.timeLeft(at)))}`,
      ].join(' | '),
    )
  }

  discarded(_reason: DiscardReason): void {
    // The decision that led to it has been told.
  }

  reminded(): void {
    // Every time has its sentence.
  }

  dropped(): void {
    // Counted in the metrics.
  }

  checkpointed(step: number, folder: string): void {
    this.options.out.line(`checkpoint of step ${step}: ${folder}`)
  }

  /** The error that ends the process says it. */
  readonly halted = (): void => undefined

  checkpointFailed(error: unknown): void {
    this.options.out.line(`the checkpoint could not be written, training goes on: ${describe(error)}`)
  }

  evaluating({ done, units }: EvaluationProgress): void {
    const { out, now } = this.options
    if (done === 0 || this.evaluatingSince === undefined) this.evaluatingSince = now()
    const left = ((now() - this.evaluatingSince) / 1000 / done) * (units - done)
    out.status(`evaluating: ${done}/${units} units${done === 0 ? '' : ` | ETA ${duration(left)}`}`)
  }

  evaluated(step: Step, result: EvaluationResult): void {
    this.lastEvaluation = result
    const { out } = this.options
    const shown = (accuracies: readonly Accuracy[]): string =>
      telling(accuracies)
        .map(({ name, value }) => `${name} ${percent(value)}`)
        .join(', ')
    // A study says itself what came of it.
    if (result.accuracies.length === 0) return
    out.line(`evaluation after step ${step}: ${shown(result.accuracies)}`)
    if (result.evaluations > 1) out.line(`  (votes of ${result.evaluations} evaluations, kept since this start)`)
    if (result.early !== undefined) out.line(`  halting early: ${shown(result.early.accuracies)}; ${stepsSaved(result.early)}`) // prettier-ignore
  }

  /** The closing table: what was measured in this session, with intervals where they mean something. */
  table(): string {
    const table = new Table({
      head: ['measured here', 'value', '95 % interval'],
      style: { head: [], border: [], compact: true },
    })
    const { firstStep, lastStep, firstLoss, seconds } = this.summary
    const count = lastStep - firstStep
    if (count > 0)
      table.push(
        ['steps in this session', `${firstStep} to ${lastStep}`, ''],
        ['training loss', `${firstLoss.toFixed(3)} -> ${this.loss.mean.toFixed(3)}`, ''],
        ['training cells right', percent(this.cells.mean), interval(this.cells)],
        ['training exact', percent(this.exact.mean), interval(this.exact)],
        ['samples/s', ((count * this.options.slots) / seconds).toFixed(1), ''],
      )
    for (const { name, value, trials } of telling(this.lastEvaluation?.accuracies ?? [])) {
      const { low, high } = wilson(value * trials, trials)
      table.push([`unseen: ${name}`, `${percent(value)} of ${trials}`, `${percent(low)} to ${percent(high)}`])
    }
    const early = this.lastEvaluation?.early
    if (early !== undefined) {
      const { name, value, trials } = early.accuracies[0] ?? { name: '', value: NaN, trials: 0 }
      const { low, high } = wilson(value * trials, trials)
      table.push(
        [`halting early: ${name}`, `${percent(value)} of ${trials}`, `${percent(low)} to ${percent(high)}`],
        ['halting early: steps', stepsSaved(early), ''],
      )
    }
    return table.toString()
  }

  /** Seconds until the time given to training is up. */
  private timeLeft(at: Millis): number {
    return Math.max(0, this.options.budget - (at - (this.began ?? at))) / 1000
  }

  private wirePerStep(step: number): string {
    const bytes = [...this.wire.values()].reduce((sum, wire) => sum + wire, this.options.ownWire())
    this.wireAtStart ??= { step, bytes }
    const steps = step - this.wireAtStart.step
    // Every byte is counted where it is sent and where it is received.
    return steps === 0 ? '-' : `${((bytes - this.wireAtStart.bytes) / 2 / steps / 1e6).toFixed(2)} MB/step`
  }

  /** Worker ids in a sentence, replaced by the labels that people gave. */
  private named(sentence: string): string {
    return sentence.replace(/\bw-[0-9a-f]{8}\b/g, (id) => this.labels.get(id as WorkerId) ?? id)
  }
}

/** What stopping where the halting head says so would save; every row was run to the end all the same. */
const stepsSaved = ({ meanSteps, fullSteps }: EarlyScore): string =>
  `${meanSteps.toFixed(2)} of ${fullSteps} steps, ${percent(1 - meanSteps / fullSteps)} saved`

/** Without the pass@K that say no more than the one before. */
function telling(accuracies: readonly Accuracy[]): Accuracy[] {
  return accuracies.filter(({ name, value }, i) => {
    const before = accuracies[i - 1]
    return !(
      name.startsWith('pass@') &&
      before?.name.startsWith('pass@') === true &&
      before.value === value &&
      name !== 'pass@1'
    )
  })
}

function interval(rolling: Rolling): string {
  const { low, high } = wilson(rolling.sum, rolling.weight)
  return `${percent(low)} to ${percent(high)} (last ${SMOOTHING_STEPS} steps, n=${rolling.weight})`
}
