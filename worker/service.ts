// A worker as a service: finds the run on the bus, says hello, starts its compute thread, trains until told to stop. If the
// coordinator is replaced, or has given this worker up, it begins again with a new identity; nothing of a replica survives
// that the coordinator would not hand out anyway.
import { hostname } from 'node:os'
import { randomUUID } from 'node:crypto'
import { compileConfig } from '../shared/config/compile.js'
import type { RunConfig } from '../shared/config/run-config.js'
import { HELLO_MS, SILENT_MS } from '../shared/deadlines.js'
import { ConfigError, describe, JoinRefused, RunError, RunHalted, WireError } from '../shared/errors.js'
import { layoutOf, layoutText } from '../shared/gradients/layout.js'
import { epochOf, millis, runId, stepOf, workerId, type Millis, type RunId, type WorkerId } from '../shared/ids.js'
import { sha256 } from '../shared/hash.js'
import type { WorkerOptions } from '../shared/ports.js'
import { readCredentials, type Bus } from '../shared/bus/bus.js'
import { seatIn } from '../shared/bus/seat.js'
import { serveState } from '../shared/bus/transfer.js'
import { decode, encode } from '../shared/protocol/codec.js'
import { PROTOCOL_VERSION, type Beacon } from '../shared/protocol/messages.js'
import { anyBeacon, subjectsOf } from '../shared/protocol/subjects.js'
import { AllReduce } from './allreduce.js'
import { arenaOf } from './arena.js'
import type { Compute } from './compute/client.js'
import { WORKER_GROUND, type WorkerGround } from './ground.js'
import { WorkerLoop } from './loop.js'
import { usedGpu } from './nvidia-smi.js'

/** How a session ended: for good, or to be begun again. */
type Ending = { readonly type: 'over'; readonly why: string } | { readonly type: 'again'; readonly why: string }

type Metrics = Awaited<ReturnType<WorkerGround['metrics']>>

/** How often the I/O thread looks whether its event loop was held up. */
const GAP_PERIOD_MS = 20

const now = (): Millis => millis(performance.now())

/** Resolves when the run is over or the signal asks to stop. @throws RunError with a remedy. */
export async function serveWorker(options: WorkerOptions, ground: WorkerGround = WORKER_GROUND): Promise<void> {
  const { out, signal } = options
  const label = options.label ?? `${hostname()}-${process.pid}`
  const seat = seatIn((await readCredentials(options.credentials)) ?? '')
  const bus = await ground.connect({
    url: options.busUrl,
    credentials: options.credentials,
    ca: options.ca,
    role: 'worker',
    name: `trmesh worker ${label}`,
    inFlightBytes: 8 << 20,
  })
  try {
    while (!signal.requested) {
      const beacon = await findRun(bus, options)
      if (beacon === undefined) return
      const ending = await new Session(bus, options, label, seat, beacon, ground).run()
      out.line(
        ending.type === 'over' ? `worker ${label}: ${ending.why}` : `worker ${label} starts again: ${ending.why}`,
      )
      if (ending.type === 'over') return
    }
  } finally {
    await bus.close()
  }
}

/** Listens for beacons until a run is found; undefined if asked to stop first. @throws ConfigError if several runs are led here. */
async function findRun(bus: Bus, { runId: wanted, out, signal, busUrl }: WorkerOptions): Promise<Beacon | undefined> {
  const found = new Map<string, Beacon>()
  const subject = wanted === undefined ? anyBeacon : subjectsOf(runId(wanted)).beacon
  const subscription = bus.subscribe(subject, (data) => {
    try {
      const beacon = decode('beacon', data)
      // Of two the later epoch: the other one has been taken over from, and does not know it yet.
      if (beacon.epoch >= (found.get(beacon.run)?.epoch ?? 0)) found.set(beacon.run, beacon)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
    }
  })
  try {
    for (let waited = 0; !signal.requested; waited++) {
      await pause(wanted === undefined ? 1500 : 300)
      if (found.size > 1)
        throw new ConfigError(
          `several runs are led at ${busUrl}: ${[...found.keys()].join(', ')}`,
          'name one with --run NAME',
        )
      const [beacon] = found.values()
      if (beacon !== undefined) return beacon
      if (waited % 20 === 2)
        out.line(`waiting for a coordinator${wanted === undefined ? '' : ` of run ${wanted}`} at ${busUrl}`)
    }
    return undefined
  } finally {
    subscription.close()
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

class Session {
  private readonly me: WorkerId
  private readonly run_: RunId
  /** Once the replica is built. */
  private loop: WorkerLoop | undefined
  private readonly closers: (() => void | Promise<void>)[] = []
  private end: (ending: Ending) => void = () => undefined
  private fail: (error: unknown) => void = () => undefined

  constructor(
    private readonly bus: Bus,
    private readonly options: WorkerOptions,
    private readonly label: string,
    seat: string,
    private readonly beacon: Beacon,
    private readonly ground: WorkerGround,
  ) {
    this.me = workerId(`${seat}-${randomUUID().slice(0, 8)}`)
    this.run_ = runId(beacon.run)
  }

  async run(): Promise<Ending> {
    const ended = new Promise<Ending>((resolve, reject) => {
      this.end = resolve
      this.fail = reject
    })
    // Whoever ends the session early, `start` may still be under way; its failure then is of no interest.
    const started = this.start()
    try {
      await Promise.race([started, ended])
      return await ended
    } finally {
      for (const close of this.closers.reverse()) await close()
      started.catch(() => undefined)
    }
  }

  private async start(): Promise<void> {
    const { options, ground } = this
    const metrics = await ground.metrics({
      host: options.metricsHost,
      port: options.metricsPort,
      run: this.run_,
      worker: this.label,
    })
    this.closers.push(() => metrics.close())
    const config = await this.hello(metrics.url)
    if (config === undefined) return
    this.beat(config, metrics)
    this.options.out.line(`worker ${this.label}: run ${this.run_}, building the replica`)
    const compute = await ground.compute(
      {
        config,
        backend: options.backend,
        gpu: options.gpu,
        threads: options.threads,
        recompute: options.recompute,
        isa: options.isa,
        root: options.root,
      },
      this.fail,
    )
    this.closers.push(() => compute.close())
    this.options.out.line(`worker ${this.label}: backend ${compute.backend} (${compute.device}); ${compute.why}`)
    metrics.backend(compute.backend, compute.device)
    metrics.peak(compute.peakFlops)
    this.closers.push(ground.watchGpus(options.gpu, (reading) => metrics.gpu(reading)))
    this.join(config, compute, metrics)
    const { backend, device, precision } = compute
    if (this.loop !== undefined) this.loop.phase = 'idle'
    const layout = sha256(layoutText(layoutOf(config.model)))
    this.loop?.tell({ type: 'prepared', layout, backend, device: device.slice(0, 256), precision })
  }

  /** undefined when the run needs nobody any more. */
  private async hello(metricsUrl: string): Promise<RunConfig | undefined> {
    const request = encode('hello', {
      type: 'hello',
      worker: this.me,
      run: this.run_,
      protocol: PROTOCOL_VERSION,
      label: this.label.slice(0, 64),
      host: hostname(),
      pid: process.pid,
      metrics: metricsUrl,
    })
    const answer = await this.bus

      .request(subjectsOf(this.run_).hello(this.me), request, HELLO_MS)
      .catch((error: unknown) => error)
    if (!(answer instanceof Uint8Array)) {
      // It led the run a moment ago: it died, or the bus did. Look again.
      this.end({ type: 'again', why: answer instanceof Error ? answer.message : String(answer) })
      return undefined
    }
    const reply = decode('helloReply', answer)
    if (reply.type === 'welcome' && reply.coordinator !== this.beacon.coordinator) {
      this.end({ type: 'again', why: 'another coordinator answered' })
      return undefined
    }
    if (reply.type === 'welcome')
      return compileConfig({
        preset: 'tiny',
        file: { path: `the coordinator of run ${this.run_}`, text: reply.config },
        env: {},
        flags: {},
      })
    if (reply.refusal === 'run-is-over') {
      this.end({ type: 'over', why: reply.why })
      return undefined
    }
    throw new JoinRefused(
      `run ${this.run_} does not take this worker: ${reply.why}`,
      'start coordinator and workers from one version and run',
    )
  }

  private join(config: RunConfig, compute: Compute, metrics: Metrics): void {
    const { bus, me, options } = this
    const subjects = subjectsOf(this.run_)
    const layout = layoutOf(config.model)
    const arena = arenaOf(layout, config, compute.arena)
    metrics.arena(arena.buffer.byteLength)
    const allreduce = new AllReduce(
      bus,
      subjects,
      me,
      config.reduce,
      arena,
      (why) => metrics.dropped(why),
      () => metrics.askedAgain(),
    )
    const loop = new WorkerLoop({
      config,
      me,
      bus,
      subjects,
      compute,
      arena,
      allreduce,
      energy: this.ground.findEnergy(usedGpu(options.gpu, compute.device)),
      now,
      onCommit: (step, phases, slots, ema) => {
        metrics.committed(step, phases, slots, config.reduce.localSteps)
        if (ema !== null) metrics.ema(ema)
      },
      onStale: () => metrics.dropped('stale'),
      onRejoin: (why) => this.end({ type: 'again', why }),
      onStop: (why, finished) => {
        // Without this goodbye it is told again.
        loop.send({ type: 'leaving', why: 'told to stop' })
        this.end({ type: 'over', why: finished ? `the run is finished: ${why}` : why })
      },
      onTrouble: (error) =>
        this.fail(error instanceof RunError ? error : new RunHalted(describe(error), 'this is a bug')),
    })
    this.loop = loop
    this.closers.push(() => allreduce.close())
    const inbox = bus.subscribe(subjects.toWorker(me), (data) => {
      try {
        loop.handle(decode('coordinator', data))
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        metrics.dropped('garbage')
      }
    })
    const state = serveState(
      bus,
      subjects.state(me),
      (range) => loop.snapshots.provide(range),
      () => metrics.dropped('garbage'),
    )
    this.closers.push(
      () => inbox.close(),
      () => state.close(),
    )
    this.watchBeacon(loop, metrics)
    const status = bus.onStatus((change) => {
      const { out, busUrl } = this.options
      if (change.type === 'refused') this.fail(change.error)
      if (change.type === 'disconnected')
        out.line(
          `worker ${this.label}: the NATS server at ${busUrl} is gone; waiting for it (or it cut us off for reading too slowly: its log says)`,
        )
      if (change.type === 'reconnected') out.line(`worker ${this.label}: connected to the NATS server again`)
    })
    this.closers.push(() => status.close())
    options.signal.onStop(() => {
      loop.send({ type: 'leaving', why: 'asked to stop' })
      void bus.flush().then(() => this.end({ type: 'over', why: 'asked to stop' }))
    })
  }

  /** Another coordinator means another run state: begin again. A silent one is waited for. */
  private watchBeacon(loop: WorkerLoop, metrics: Metrics): void {
    let heard = now()
    let told = false
    const { out } = this.options
    const beacon = this.bus.subscribe(subjectsOf(this.run_).beacon, (data) => {
      try {
        const { coordinator, epoch } = decode('beacon', data)
        const ours = coordinator === this.beacon.coordinator
        // One of an earlier epoch was taken over from, and does not know it yet; unless nobody else leads any more.
        if (!ours && epoch < Math.max(this.beacon.epoch, loop.epoch) && now() - heard < SILENT_MS)
          return metrics.dropped('stale')
        heard = now()
        told = false
        if (!ours) this.end({ type: 'again', why: 'another coordinator leads the run' })
      } catch (error) {
        if (!(error instanceof WireError)) throw error
      }
    })
    const timer = setInterval(() => {
      if (now() - heard < SILENT_MS || told) return
      told = true
      out.line(`worker ${this.label}: the coordinator is silent; waiting with the state of step ${loop.step}`)
    }, 1000)
    this.closers.push(
      () => beacon.close(),
      () => clearInterval(timer),
    )
  }

  /** Heartbeats of this thread, which never computes; they tell the longest pause of its event loop too. */
  private beat(config: RunConfig, metrics: Metrics): void {
    let last = now()
    let gapMs = 0
    const gap = setInterval(() => {
      const at = now()
      gapMs = Math.max(gapMs, at - last - GAP_PERIOD_MS)
      last = at
    }, GAP_PERIOD_MS)
    const subject = subjectsOf(this.run_).toCoordinator(this.me)
    const timer = setInterval(() => {
      const { bytesIn: wireIn, bytesOut: wireOut, wire, reconnects } = this.bus.stats()
      const rss = process.memoryUsage.rss()
      const { epoch, step, phase } = this.loop ?? { epoch: epochOf(0), step: stepOf(0), phase: 'starting' as const }
      this.bus.publish(subject, encode('worker', { type: 'beat', epoch, step, phase, rss, gapMs, wireIn, wireOut }))
      metrics.beat({
        phase,
        step,
        gapMs,
        wire,
        reconnects,
        queued: this.loop?.queued ?? 0,
        starvedMs: this.loop?.starvedMs ?? 0,
      })
      gapMs = 0
    }, config.cluster.heartbeatMs)
    this.closers.push(
      () => clearInterval(gap),
      () => clearInterval(timer),
    )
  }
}
