// What a worker tells Prometheus: the numbers that its parts return, put under the names of the table.
import type { WireBytes } from '../shared/bus/bus.js'
import type { RunId, Step } from '../shared/ids.js'
import { Recorder, recordWire, serveMetrics } from '../shared/observe/metrics.js'
import type { MetricsServer } from '../shared/observe/metrics.js'
import { STEP_PHASES, WORKER_PHASES } from '../shared/protocol/messages.js'
import type { WorkerPhase } from '../shared/protocol/messages.js'
import type { Dropped } from './allreduce.js'
import type { EmaDistance, PhaseTimes } from './compute/port.js'
import { tellGpu } from './gpu-metrics.js'
import type { GpuReading } from './nvidia-smi.js'

export interface WorkerMetricsOptions {
  readonly host: string
  readonly port: number
  readonly run: RunId
  /** The label shown in reports; stays when the worker begins again. */
  readonly worker: string
}

/** What a heartbeat tells; totals since the start of the session. */
export interface Beat {
  readonly phase: WorkerPhase
  readonly step: Step
  /** Longest pause of the I/O event loop since the last heartbeat. */
  readonly gapMs: number
  readonly wire: WireBytes
  readonly reconnects: number
  /** Examples in the worker's queues. */
  readonly queued: number
  readonly starvedMs: number
}

export class WorkerMetrics {
  private phase: WorkerPhase = 'starting'
  private step = 0

  private constructor(
    private readonly recorder: Recorder,
    private readonly options: WorkerMetricsOptions,
  ) {}

  private server: MetricsServer | undefined

  /** @throws SystemRefused if the port is taken. */
  static async serve(options: WorkerMetricsOptions): Promise<WorkerMetrics> {
    const recorder = new Recorder('worker')
    recorder.constant({ run: options.run, worker: options.worker })
    const metrics = new WorkerMetrics(recorder, options)
    const health = (): { status: 'ok'; run: string; step: number; phase: string } => ({
      status: 'ok',
      run: options.run,
      step: metrics.step,
      phase: metrics.phase,
    })
    metrics.server = await serveMetrics({ recorder, health, host: options.host, port: options.port })
    return metrics
  }

  get url(): string {
    return this.server?.url ?? ''
  }

  async close(): Promise<void> {
    await this.server?.close()
  }

  /** The engine that computes. */
  backend(name: string, _device: string): void {
    this.recorder.set('trmesh_run_info', { run: this.options.run, preset: '', backend: name, data: '' }, 1)
  }

  /** Size of the memory that the two threads share. */
  arena(bytes: number): void {
    this.recorder.set('trmesh_arena_bytes', {}, bytes)
  }

  /** Speed of a large product, measured at the start. */
  peak(flopsPerSecond: number): void {
    this.recorder.set('trmesh_matmul_peak_flops', {}, flopsPerSecond)
  }

  /** How far the weights are from their average. */
  ema({ distance, norm }: EmaDistance): void {
    this.recorder.set('trmesh_ema_distance', { of: 'distance' }, distance)
    this.recorder.set('trmesh_ema_distance', { of: 'share' }, distance / norm)
  }

  gpu(reading: GpuReading): void {
    tellGpu(this.recorder, reading)
  }

  askedAgain(): void {
    this.recorder.count('trmesh_asked_again_total', {})
  }

  dropped(why: Dropped): void {
    this.recorder.count('trmesh_messages_dropped_total', { why })
  }

  /** A round of `steps` is committed, up to `step`; `phases` of all of it in milliseconds, `slots` of this worker. */
  committed(step: Step, phases: PhaseTimes, slots: number, steps: number): void {
    this.step = step
    this.recorder.set('trmesh_step', {}, step)
    this.recorder.count('trmesh_steps_committed_total', {}, steps)
    this.recorder.count('trmesh_samples_total', {}, slots * steps)
    for (const phase of STEP_PHASES) {
      const ms = phases[phase]
      if (ms !== undefined) this.recorder.observe('trmesh_step_seconds', { phase }, ms / 1000 / steps)
    }
    if (phases.reduce !== undefined) this.recorder.observe('trmesh_allreduce_seconds', {}, phases.reduce / 1000)
  }

  beat(beat: Beat): void {
    this.phase = beat.phase
    for (const phase of WORKER_PHASES) this.recorder.set('trmesh_worker_phase', { phase }, phase === beat.phase ? 1 : 0)
    this.recorder.set('trmesh_io_pause_seconds', {}, beat.gapMs / 1000)
    this.recorder.set('trmesh_feed_queue_examples', {}, beat.queued)
    recordWire(this.recorder, beat.wire)
    this.recorder.total('trmesh_bus_reconnects_total', {}, beat.reconnects)
    this.recorder.total('trmesh_feed_starvation_seconds_total', {}, beat.starvedMs / 1000)
  }
}
