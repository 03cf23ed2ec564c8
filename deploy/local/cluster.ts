// Everything on one machine: `start` runs nats-server, the coordinator (in this process) and workers; `workers` runs only
// workers. A worker that dies is started again; one that cannot start at all ends the run with its own words.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { serveCoordinator } from '../../coordinator/service.js'
import { DEFAULT_BUS_URL } from '../../shared/config/schema.js'
import type { RunError } from '../../shared/errors.js'
import { SystemRefused } from '../../shared/errors.js'
import type { CoordinatorOptions, LocalOptions, Terminal, WorkersOptions } from '../../shared/ports.js'
import { ensureForStart } from '../setup/ensure.js'
import { listGpus } from '../doctor/machine.js'
import { keepNatsServer, type KeptNats } from './kept-nats.js'
import { Restarts } from './restarts.js'
import { startWorkerProcess, type WorkerProcess } from './worker-process.js'

const RESTART_MS = 1000
const GRACE_MS = 5000
/** Exit statuses that a second try would not change: configuration, data, backend, refused. */
const HOPELESS = [2, 3, 4, 7]

/** A set of workers that is kept alive. */
class Crew {
  private readonly workers = new Map<string, WorkerProcess>()
  private readonly restarts = new Map<string, Restarts>()
  private closing = false

  constructor(
    private readonly logs: string,
    private readonly out: Terminal,
    private readonly onHopeless: (error: RunError) => void,
  ) {}

  start(label: string, flags: readonly string[]): void {
    const worker = startWorkerProcess({
      label,
      flags,
      logs: this.logs,
      onExit: (status, tail) => this.ended(label, flags, status, tail),
    })
    this.workers.set(label, worker)
  }

  private ended(label: string, flags: readonly string[], status: number | null, tail: string): void {
    this.workers.delete(label)
    if (this.closing || status === 0) return
    const restarts = this.restarts.get(label) ?? new Restarts()
    this.restarts.set(label, restarts)
    const log = join(this.logs, `${label}.log`)
    if ((status !== null && HOPELESS.includes(status)) || !restarts.mayStart(performance.now())) {
      const words = tail.trim().split('\n').slice(-2).join('\n')
      this.onHopeless(new SystemRefused(`${label} cannot run:\n${words}`, `its whole log is ${log}`))
      return
    }
    this.out.line(
      `${label} ended (${status === null ? 'killed' : `status ${status}`}), log in ${log}; starting it again`,
    )
    setTimeout(() => {
      if (!this.closing) this.start(label, flags)
    }, RESTART_MS)
  }

  /** Resolves when all have ended by themselves. */
  async finished(): Promise<void> {
    await Promise.all([...this.workers.values()].map((worker) => worker.ended))
  }

  async stop(): Promise<void> {
    this.closing = true
    await Promise.all([...this.workers.values()].map((worker) => worker.stop(GRACE_MS)))
  }

  kill(): void {
    this.closing = true
    for (const worker of this.workers.values()) worker.kill()
  }
}

/** Flags by which a worker of ours reaches the server as we do. */
const busFlags = ({ credentials, ca }: { readonly credentials: string; readonly ca: string }): string[] => [
  ...(credentials === '' ? [] : ['--credentials', credentials]),
  ...(ca === '' ? [] : ['--ca', ca]),
]

/** Cores shared out among CPU workers: more threads than cores make each other wait. */
const threadsEach = (workers: number): number => Math.max(1, Math.floor(availableParallelism() / workers))

/**
 * `trmesh start`.
 * @param lead what the coordinator does
 * @throws RunError with a remedy
 */
export async function startLocal(
  options: LocalOptions,
  lead: (options: CoordinatorOptions) => Promise<void> = serveCoordinator,
): Promise<void> {
  const { config, root, out, workers, backend } = options
  const { state = join(root, '.trmesh') } = options
  const ours = config.bus.url === DEFAULT_BUS_URL
  const { engines, tensorflowWheel: wheel } = options
  const ready = await ensureForStart({ root, log: (line) => out.line(line), engines, wheel })
  let giveUp: (error: RunError) => void = () => undefined
  const hopeless = new Promise<never>((_, reject) => (giveUp = reject))
  let nats: KeptNats | undefined
  if (ours) {
    const place = { binary: ready.nats.path, storeDir: join(state, 'nats') }
    nats = await keepNatsServer(place, out, (error) => giveUp(error))
    out.line(`nats-server ${ready.nats.version} at ${nats.url}`)
  }
  const url = nats?.url ?? config.bus.url
  const crew = new Crew(join(state, 'logs'), out, (error) => giveUp(error))
  // However this process ends, nothing of it stays behind.
  const last = (): void => {
    crew.kill()
    if (nats !== undefined) process.kill(nats.pid())
  }
  process.once('exit', last)
  try {
    const threads = options.threads ?? threadsEach(workers)
    for (let i = 1; i <= workers; i++)
      crew.start(`worker-${i}`, [
        ...['--nats', url, '--run', config.run.id, '--backend', backend],
        ...busFlags(config.bus),
        ...['--threads', String(threads), '--metrics.port', '0'],
        ...(options.recompute === true ? ['--recompute'] : []),
      ])
    const local = {
      ...config,
      bus: { ...config.bus, url },
      // All of them from the first step on: the same workers give the same bits, whoever is up first.
      cluster: workers === 0 ? config.cluster : { ...config.cluster, minWorkers: workers },
    }
    await Promise.race([lead({ ...options, config: local }), hopeless])
  } finally {
    await crew.stop()
    process.removeListener('exit', last)
    await nats?.stop()
  }
}

/** `trmesh workers`: one per GPU found, or `cpu` CPU workers. */
export async function startWorkers(options: WorkersOptions): Promise<void> {
  const { root, out, cpu, backend } = options
  const gpus = cpu === undefined ? await listGpus() : []
  if (cpu === undefined && gpus.length === 0)
    throw new SystemRefused(
      'no GPU is found on this machine',
      'use --cpu N for N workers on the CPU, or see `npx trmesh doctor`',
    )
  let giveUp: (error: RunError) => void = () => undefined
  const hopeless = new Promise<never>((_, reject) => (giveUp = reject))
  const crew = new Crew(join(root, '.trmesh', 'logs'), out, (error) => giveUp(error))
  const last = (): void => crew.kill()
  process.once('exit', last)
  const common = [
    ...['--nats', options.busUrl, '--backend', backend, '--metrics.host', options.metricsHost],
    ...busFlags(options),
    ...(options.runId === undefined ? [] : ['--run', options.runId]),
    ...(options.recompute ? ['--recompute'] : []),
  ]
  const port = (i: number): string => String(options.metricsPort === 0 ? 0 : options.metricsPort + i)
  const stopped = new Promise<void>((resolve) => options.signal.onStop(resolve))
  try {
    if (cpu === undefined)
      gpus.forEach(({ index }, i) =>
        crew.start(`gpu-${index}`, [...common, '--gpu', String(index), '--metrics.port', port(i)]),
      )
    else {
      const threads = String(options.threads ?? threadsEach(cpu))
      for (let i = 0; i < cpu; i++) crew.start(`cpu-${i}`, [...common, '--threads', threads, '--metrics.port', port(i)])
    }
    out.line(`${cpu ?? gpus.length} workers started; logs in ${join(root, '.trmesh', 'logs')}`)
    await Promise.race([crew.finished(), stopped, hopeless])
  } finally {
    await crew.stop()
    process.removeListener('exit', last)
  }
}
