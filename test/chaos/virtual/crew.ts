// The processes of a run in virtual time: the real services of coordinator and workers, on a bus, a disk and a clock that are
// ours, and with a stand-in for the network. Whoever is killed is started again, as a supervisor would.
import { all, type Observer } from '../../../coordinator/observer.js'
import { quietObserver } from '../../../coordinator/quiet-observer.js'
import { journal } from '../../../coordinator/report/journal.js'
import { serveCoordinator } from '../../../coordinator/service.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { describe, RunError, RunHalted } from '../../../shared/errors.js'
import type { Terminal } from '../../../shared/ports.js'
import type { Rng } from '../../../shared/rng/counter.js'
import type { Compute } from '../../../worker/compute/client.js'
import type { Command } from '../../../worker/compute/port.js'
import type { WorkerGround } from '../../../worker/ground.js'
import { serveWorker } from '../../../worker/service.js'
import { Stopper } from '../../helpers/stopper.js'
import { virtualData } from './data.js'
import type { Broker, Cable, Client } from './broker.js'
import { StandIn, type Worked } from './stand-in.js'
import { procOf, type Proc, type VirtualTime } from './time.js'

export type Role = 'coordinator' | `w${number}` | 'late'

export interface CrewPorts {
  readonly time: VirtualTime
  readonly broker: Broker
  readonly rng: Rng
  readonly config: RunConfig
  readonly cable: (role: Role) => Cable
  /** Something of ours was missed, doubled, damaged or refused, and somebody saw it. */
  readonly onNoticed: () => void
  readonly onLost: () => void
  readonly onCommit: (step: number, worked: readonly Worked[]) => void
  readonly onWrong: (why: string) => void
  readonly say: (line: string) => void
}

interface Running {
  readonly proc: Proc
  readonly signal: Stopper
  clients: Client[]
  /** How it ended by itself. */
  status: 'running' | 'over' | 'failed'
}

const START_MS = 400
const STEP_MS = 120
const COST_MS: Readonly<Partial<Record<Command['type'], number>>> = { adopt: 5, slots: 5, check: 2, commit: 3, evaluate: 80, snapshot: 6 } // prettier-ignore

export class VirtualCrew {
  readonly running = new Map<Role, Running>()
  /** Whoever ends with this role stays away. */
  private readonly mortal = new Set<Role>()

  constructor(private readonly ports: CrewPorts) {}

  start(role: Role, mortal = false): void {
    const { time, rng } = this.ports
    if (mortal) this.mortal.add(role)
    const running: Running = { proc: procOf(role), signal: new Stopper(), clients: [], status: 'running' }
    this.running.set(role, running)
    time.after(START_MS * (0.5 + rng.uniform()), running.proc, () => {
      const served = role === 'coordinator' ? this.coordinate(role, running) : this.work(role, running)
      served.then(
        () => this.ended(role, running, 'over'),
        (error: unknown) => {
          const known = error instanceof RunError
          this.ports.say(`${role} ended: ${describe(error)}`)
          if (!known)
            this.ports.onWrong(`${role}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
          this.ended(role, running, 'failed')
        },
      )
    })
  }

  kill(role: Role): void {
    const running = this.running.get(role)
    if (running === undefined || running.proc.dead) return
    this.bury(running)
    if (this.mortal.has(role)) this.running.delete(role)
    else this.start(role)
  }

  /** Asked to stop politely, and started again. */
  leave(role: Role): void {
    const running = this.running.get(role)
    this.ports.time.after(0, running?.proc, () => running?.signal.stop())
  }

  pause(roles: readonly Role[], ms: number): void {
    const { time } = this.ports
    for (const role of roles) {
      const proc = this.running.get(role)?.proc
      if (proc !== undefined) proc.pausedUntil = time.now + ms
    }
  }

  proc(role: Role): Proc | undefined {
    return this.running.get(role)?.proc
  }

  cut(role: Role): void {
    for (const client of this.running.get(role)?.clients ?? []) client.disconnect()
  }

  get roles(): Role[] {
    return [...this.running.keys()]
  }

  get over(): boolean {
    return this.running.get('coordinator')?.status !== 'running'
  }

  /** All who must end have ended. */
  get allOver(): boolean {
    return [...this.running].every(([role, { status }]) => status !== 'running' || this.mortal.has(role))
  }

  statuses(): string {
    return [...this.running].map(([role, { status }]) => `${role} ${status}`).join(', ')
  }

  private bury(running: Running): void {
    running.proc.dead = true
    for (const client of running.clients) this.ports.broker.leave(client)
  }

  private ended(role: Role, running: Running, status: 'over' | 'failed'): void {
    if (running.proc.dead) return
    running.status = status
    const asked = running.signal.requested
    if (role === 'coordinator' || !asked || this.over) return
    this.bury(running)
    if (this.mortal.has(role)) this.running.delete(role)
    else this.start(role)
  }

  private terminal(role: Role): Terminal {
    const line = (text: string): void => this.ports.say(`${role}: ${text}`)
    return { isTTY: false, columns: 120, line, status: () => undefined }
  }

  private connecting(role: Role, running: Running): WorkerGround['connect'] {
    const { broker, time } = this.ports
    return async (options) => {
      while (!broker.up) await time.sleep(100)
      const client = broker.connect(running.proc, this.ports.cable(role), options)
      running.clients.push(client)
      return client
    }
  }

  private coordinate(role: Role, running: Running): Promise<void> {
    const { config, onNoticed, onLost } = this.ports
    const noticing: Observer = {
      ...quietObserver,
      reminded: onNoticed,
      checkpointFailed: onNoticed,
      dropped: (why) => (why === 'garbage' ? onNoticed() : undefined),
      lost: onLost,
      decision: (why) => this.ports.say(`coordinator: ${why}`),
    }
    const options = { config, root: '', fresh: false, signal: running.signal, out: this.terminal(role) }
    return serveCoordinator(options, undefined, {
      connect: this.connecting(role, running),
      open: () => Promise.resolve(virtualData(config.run.seed, config.model.seqLen)),
      watch: ({ folder, wallClock }) => {
        const lines = journal(folder, config.train.slots, wallClock, onNoticed)
        const metrics = { url: '', watch: () => undefined, lastWords: () => Promise.resolve() }
        const observer = all([lines, noticing])
        return Promise.resolve({
          ...{ report: { table: () => '' }, metrics, observer, written: () => [] },
          close: () => Promise.resolve(),
        })
      },
      writeReport: () => Promise.resolve('none'),
    })
  }

  private work(role: Role, running: Running): Promise<void> {
    const nothing = (): void => undefined
    const { onNoticed } = this.ports
    const options = {
      ...{ busUrl: 'virtual', credentials: '', ca: '', runId: this.ports.config.run.id, backend: 'wasm' as const },
      ...{ gpu: undefined, threads: 1, recompute: false, isa: undefined, label: role, root: '' },
      ...{ metricsHost: '', metricsPort: 0, signal: running.signal, out: this.terminal(role) },
    }
    return serveWorker(options, {
      connect: this.connecting(role, running),
      compute: ({ config }) => this.compute(config, running.proc),
      metrics: () =>
        Promise.resolve({
          ...{ url: '', backend: nothing, arena: nothing, peak: nothing, gpu: nothing, committed: nothing },
          ...{ ema: nothing, beat: nothing, askedAgain: onNoticed, close: () => Promise.resolve() },
          dropped: (why) => (why === 'stale' ? undefined : onNoticed()),
        }),
      watchGpus: () => nothing,
      findEnergy: () => ({ source: 'none', start: () => () => ({ joules: NaN }) }),
    })
  }

  private async compute(config: RunConfig, proc: Proc): Promise<Compute> {
    const { time, rng, onCommit, onWrong } = this.ports
    await time.sleep(60)
    const tell = (why: string): void => (proc.dead ? undefined : onWrong(`${proc.name}: ${why}`))
    const standIn = new StandIn(config, (step, worked) => proc.dead || onCommit(step, worked), tell)
    let busyUntil = 0
    let closed = false
    const call = (command: Command): Promise<never> =>
      new Promise((resolve, reject) => {
        const share = standIn.slots / config.train.slots
        const cost = command.type === 'step' ? STEP_MS * share * 2 : (COST_MS[command.type] ?? 1)
        busyUntil = Math.max(busyUntil, time.now) + cost * (0.7 + 0.6 * rng.uniform())
        time.after(busyUntil - time.now, proc, () => {
          if (closed) return
          try {
            resolve(standIn.perform(command) as never)
          } catch (error) {
            tell(`${command.type}: ${describe(error)}`)
            reject(new RunHalted(describe(error), 'this is a bug'))
          }
        })
      })
    return {
      ...{ backend: 'stand-in', device: 'none', precision: 'f32', why: 'virtual time', peakFlops: 1e9 },
      arena: standIn.arena.buffer,
      call,
      close: () => {
        closed = true
        return Promise.resolve()
      },
    }
  }
}
