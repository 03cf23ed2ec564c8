// What the coordinator tells Prometheus: the numbers of the run, put under the names of the table.
import { tellBaselines } from '../shared/baselines/tell.js'
import type { RunConfig } from '../shared/config/run-config.js'
import type { Comparison } from '../shared/language/comparison.js'
import { tellComparison } from '../shared/language/tell.js'
import { flopsOf } from '../shared/flops.js'
import { learningRate } from '../shared/gradients/schedule.js'
import { PASS_AT } from '../shared/metrics.js'
import { Recorder, recordWire, serveMetrics, type MetricsServer } from '../shared/observe/metrics.js'
import { WORKER_PHASES, type Hello } from '../shared/protocol/messages.js'
import type { Millis, Step, WorkerId } from '../shared/ids.js'
import type { StopSignal } from '../shared/ports.js'
import type { BusStats } from '../shared/bus/bus.js'
import { diskOf } from './store/disk-room.js'
import type { EvaluationResult } from './evaluate/result.js'
import { meansOf, type CommittedStep, type DroppedWhy, type Observer } from './observer.js'
import { groupSize } from './policy.js'
import { quietObserver } from './quiet-observer.js'
import type { DiscardReason, HaltCause, RunState } from './run-state.js'
import { scores } from './speed.js'

const WATCH_MS = 1000
/** Scrapes that a halted run waits for, and how long at most. */
const LAST_SCRAPES = 3
const LAST_WORDS_MS = 60_000

export class CoordinatorMetrics implements Observer {
  private state: RunState | undefined
  private readonly began: Millis
  private committedAt: Millis | undefined
  private discardedAt: Millis | undefined
  private evaluationAt: Millis | undefined
  private useful = 0
  private watching: NodeJS.Timeout | undefined
  /** What people call the workers: the same name as in the workers' own metrics. */
  private readonly labels = new Map<WorkerId, string>()
  private targets: () => string = () => '[]\n'
  readonly decision = quietObserver.decision
  readonly prepared = quietObserver.prepared
  readonly beat = quietObserver.beat
  readonly phases = quietObserver.phases
  private server: MetricsServer | undefined

  private constructor(
    private readonly config: RunConfig,
    private readonly recorder: Recorder,
    private readonly now: () => Millis,
  ) {
    this.began = now()
  }

  /** @throws SystemRefused if the port is taken */
  static async serve(config: RunConfig, now: () => Millis): Promise<CoordinatorMetrics> {
    const recorder = new Recorder('coordinator')
    recorder.constant({ run: config.run.id })
    const metrics = new CoordinatorMetrics(config, recorder, now)
    const { host, port } = config.metrics
    const health = (): { status: 'ok' | 'failing'; run: string; step: number; phase: string } => ({
      status: metrics.state?.phase === 'halted' ? 'failing' : 'ok',
      run: config.run.id,
      step: metrics.state?.step ?? 0,
      phase: metrics.state?.phase ?? 'starting',
    })
    metrics.server = await serveMetrics({ recorder, health, host, port, targets: () => metrics.targets() })
    recorder.set(
      'trmesh_run_info',
      { run: config.run.id, preset: config.preset, backend: '', data: config.data.source },
      1,
    )
    recorder.set('trmesh_steps_target', {}, config.train.steps)
    recorder.set('trmesh_step_flops', {}, flopsOf(config.model).train * config.train.slots)
    tellBaselines(recorder)
    return metrics
  }

  get url(): string {
    return this.server?.url ?? ''
  }

  /** Language models beside TRM, as measured on some device. */
  compared(comparison: Comparison): void {
    tellComparison(this.recorder, comparison)
  }

  /** What /sd answers from now on. */
  discover(targets: () => string): void {
    this.targets = targets
  }

  async close(): Promise<void> {
    clearInterval(this.watching)
    await this.server?.close()
  }

  /** Looks at what only changes by itself: ages, traffic. */
  watch(state: () => RunState, stats: () => BusStats): void {
    this.watching = setInterval(() => {
      const { wire, reconnects } = stats()
      recordWire(this.recorder, wire)
      this.recorder.total('trmesh_bus_reconnects_total', {}, reconnects)
      for (const { id, heard } of state().members.values())
        this.recorder.set('trmesh_heartbeat_age_seconds', { worker: this.nameOf(id) }, (this.now() - heard) / 1000)
      this.membership(state())
      this.disk()
    }, WATCH_MS)
    this.watching.unref()
  }

  membership(state: RunState): void {
    const before = this.state
    this.state = state
    this.recorder.set('trmesh_membership_epoch', {}, state.epoch)
    this.recorder.set('trmesh_step', {}, state.step)
    const unit = groupSize(this.config) ?? 1
    state.team.forEach((id, i) =>
      this.recorder.set('trmesh_worker_slots', { worker: this.nameOf(id) }, (state.shares[i] ?? 0) * unit),
    )
    for (const [id, score] of scores(state.speeds, state.team))
      this.recorder.set('trmesh_worker_speed_ratio', { worker: this.nameOf(id) }, score)
    for (const id of state.members.keys())
      if (!state.team.includes(id) && before?.team.includes(id) === true)
        this.recorder.set('trmesh_worker_slots', { worker: this.nameOf(id) }, 0)
    for (const phase of WORKER_PHASES) {
      const doing = [...state.members.values()].filter(({ activity }) => activity === phase)
      this.recorder.set('trmesh_workers', { phase }, doing.length)
    }
    const joined = [...state.members.keys()].filter((id) => !before?.members.has(id))
    if (joined.length > 0) this.recorder.count('trmesh_membership_changes_total', { why: 'joined' }, joined.length)
  }

  /** Room where the checkpoints go. */
  private disk(): void {
    const known = diskOf(this.config.run.dir)
    if (known === undefined) return
    this.recorder.set('trmesh_disk_free_bytes', {}, known.free)
    this.recorder.set('trmesh_disk_size_bytes', {}, known.size)
  }

  introduced({ worker, label }: Hello): void {
    this.labels.set(worker, label)
  }

  private nameOf(worker: WorkerId): string {
    return this.labels.get(worker) ?? worker
  }

  lost(worker: WorkerId, how: 'died' | 'left'): void {
    this.recorder.count('trmesh_membership_changes_total', { why: how })
    for (const name of ['trmesh_heartbeat_age_seconds', 'trmesh_worker_slots', 'trmesh_worker_speed_ratio'] as const)
      this.recorder.forget(name, { worker: this.nameOf(worker) })
    this.labels.delete(worker)
  }

  committed({ step, round, sums, lr, gradientNorm, queue, encoded, table }: CommittedStep): void {
    const { recorder, config } = this
    const { slots, puzzleLr, lr: base, warmupSteps, steps: totalSteps, lrMinRatio: minRatio } = config.train
    const means = meansOf(sums, slots)
    const at = this.now()
    recorder.count('trmesh_steps_committed_total', {})
    recorder.set('trmesh_step', {}, step)
    recorder.set('trmesh_loss', { part: 'total' }, means.loss)
    recorder.set('trmesh_loss', { part: 'lm' }, means.lmLoss)
    recorder.set('trmesh_loss', { part: 'q_halt' }, means.qHaltLoss)
    if (config.model.halting === 'continue') recorder.set('trmesh_loss', { part: 'q_continue' }, means.qContinueLoss)
    if (means.halted > 0) {
      recorder.set('trmesh_cell_accuracy_ratio', {}, means.cellAccuracy)
      recorder.set('trmesh_exact_accuracy_ratio', {}, means.exactAccuracy)
      recorder.set('trmesh_q_halt_accuracy_ratio', {}, means.qHaltAccuracy)
      recorder.set('trmesh_halt_steps', {}, means.haltSteps)
    }
    recorder.set('trmesh_learning_rate', { group: 'dense' }, lr)
    const puzzleRate = learningRate({ base: puzzleLr, warmupSteps, totalSteps, minRatio }, step)
    recorder.set('trmesh_learning_rate', { group: 'puzzle' }, base === 0 ? 0 : puzzleRate)
    recorder.count('trmesh_samples_total', {}, slots)
    recorder.count('trmesh_tokens_total', {}, sums.cells)
    recorder.count('trmesh_flops_total', {}, sums.flops)
    recorder.set('trmesh_step_flops', {}, sums.flops)
    recorder.set('trmesh_gradient_norm', {}, gradientNorm)
    recorder.set('trmesh_feed_queue_examples', {}, queue)
    recorder.total('trmesh_feed_examples_total', {}, encoded)
    recorder.set('trmesh_puzzle_rows', {}, table.rows)
    recorder.set('trmesh_puzzle_table_bytes', {}, table.bytes)
    recorder.set('trmesh_commit_timestamp_seconds', {}, Date.now() / 1000)
    if (step % round === 0) this.pace(step, at, round)
  }

  private pace(step: Step, at: Millis, round: number): void {
    const { recorder } = this
    if (this.discardedAt !== undefined) recorder.observe('trmesh_recovery_seconds', {}, (at - this.discardedAt) / 1000)
    else if (this.committedAt !== undefined) {
      const seconds = (at - this.committedAt) / 1000
      this.useful += seconds
      recorder.observe('trmesh_commit_interval_seconds', {}, seconds)
      recorder.set('trmesh_goodput_ratio', {}, (this.useful * 1000) / Math.max(1, at - this.began))
      recorder.set('trmesh_remaining_seconds', {}, ((this.config.train.steps - step) / round) * seconds)
    }
    this.committedAt = at
    this.discardedAt = undefined
  }

  discarded(why: DiscardReason): void {
    this.recorder.count('trmesh_steps_discarded_total', { why })
    this.discardedAt ??= this.now()
  }

  dropped(why: DroppedWhy): void {
    this.recorder.count('trmesh_messages_dropped_total', { why })
  }

  reminded(): void {
    this.recorder.count('trmesh_asked_again_total', {})
  }

  checkpointed(step: number, _folder: string, duration: Millis, bytes: number): void {
    const { recorder } = this
    recorder.count('trmesh_checkpoints_total', { outcome: 'written' })
    recorder.set('trmesh_checkpoint_step', {}, step)
    recorder.set('trmesh_checkpoint_timestamp_seconds', {}, Date.now() / 1000)
    recorder.set('trmesh_checkpoint_bytes', {}, bytes)
    recorder.observe('trmesh_checkpoint_seconds', {}, duration / 1000)
  }

  checkpointFailed(): void {
    this.recorder.count('trmesh_checkpoints_total', { outcome: 'failed' })
  }

  halted(cause: HaltCause): void {
    if (cause === 'replicas-differ') this.recorder.count('trmesh_replica_mismatches_total', {})
  }

  /**
   * Before a halted coordinator ends: waits until what it says last was scraped, if anybody scrapes at all. A process that
   * ends at once takes its reason with it, and only CoordinatorDown would be seen.
   */
  async lastWords(signal: StopSignal): Promise<void> {
    const { server } = this
    if (server === undefined || server.scrapes() === 0) return
    const seen = server.scrapes() + LAST_SCRAPES
    const until = this.now() + LAST_WORDS_MS
    while (server.scrapes() < seen && this.now() < until && !signal.requested)
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS / 4))
  }

  evaluating(): void {
    this.evaluationAt ??= this.now()
    // An evaluation is no part of a step.
    this.committedAt = undefined
  }

  evaluated(step: Step, { accuracies }: EvaluationResult): void {
    const { recorder } = this
    recorder.set('trmesh_evaluation_step', {}, step)
    for (const { name, value } of accuracies) {
      const k = PASS_AT.find((at) => name === `pass@${at}`)
      if (k !== undefined) recorder.set('trmesh_evaluation_pass_ratio', { k }, value)
      // Of ARC the rows, of boards the boards.
      if (name === 'rows exact' || name === 'exact') recorder.set('trmesh_evaluation_exact_ratio', {}, value)
    }
    if (this.evaluationAt !== undefined)
      recorder.observe('trmesh_evaluation_seconds', {}, (this.now() - this.evaluationAt) / 1000)
    this.evaluationAt = undefined
  }
}
