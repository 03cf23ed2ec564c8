// The processes of one run: nats-server, a coordinator, workers. Each of ours has a cable of its own to the server. Whoever is
// killed is started again at once, as a supervisor would.
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startNatsServer, type RunningNats } from '../../deploy/local/nats.js'
import { asArguments, type Flags } from '../helpers/cluster.js'
import { Link, type Watcher } from './link.js'
import type { WorldChange } from './world.js'

/** Loaded into each of our processes. */
const WORLD = pathToFileURL(join(process.cwd(), '.build', 'test', 'chaos', 'world.js')).href
export const PROGRAM = join(process.cwd(), '.build', 'deploy', 'cli', 'main.js')

export type Role = 'coordinator' | 'broker' | `w${number}` | 'late'

export interface CrewOptions {
  readonly nats: string
  /** For logs and the server's files. */
  readonly folder: string
  readonly run: string
  readonly workers: number
  readonly flags: Flags
  readonly watch: (role: Role) => Watcher
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<number | string>
}

const LEAVE_MS = 5_000

export class Crew {
  private broker: RunningNats | undefined
  private readonly links = new Map<Role, Link>()
  private readonly running = new Map<Role, Running>()
  private readonly log: WriteStream
  /** Resolves when the coordinator ends by itself, with its status. */
  readonly over: Promise<number | string>
  private end: (status: number | string) => void = () => undefined
  private closed = false
  /** Whoever is killed with this role stays dead. */
  private readonly mortal = new Set<Role>()
  /** Who was asked to leave, and comes back. */
  private readonly leaving = new Set<Role>()
  said = ''

  private constructor(private readonly options: CrewOptions) {
    mkdirSync(options.folder, { recursive: true })
    this.log = createWriteStream(join(options.folder, 'log.txt'))
    this.over = new Promise((resolve) => (this.end = resolve))
  }

  static async start(options: CrewOptions): Promise<Crew> {
    const crew = new Crew(options)
    try {
      crew.broker = await startNatsServer({ binary: options.nats, storeDir: join(options.folder, 'nats') })
      await crew.open('coordinator')
      crew.spawn('coordinator')
      for (let i = 0; i < options.workers; i++) await crew.addWorker(`w${i}`)
      return crew
    } catch (error) {
      await crew.close()
      throw error
    }
  }

  /** One that came before under this role leaves first. */
  async addWorker(role: Role, mortal = false): Promise<void> {
    if (mortal) this.mortal.add(role)
    const before = this.running.get(role)
    if (before !== undefined) {
      const cable = this.links.get(role)
      this.links.delete(role)
      this.signal(role, 'SIGTERM')
      const patience = setTimeout(() => this.signal(role, 'SIGKILL'), LEAVE_MS)
      await before.ended
      clearTimeout(patience)
      await cable?.close()
      if (this.closed) return
    }
    if (!this.links.has(role)) await this.open(role)
    this.spawn(role)
  }

  signal(role: Role, signal: NodeJS.Signals): void {
    const pid = role === 'broker' ? this.broker?.pid : this.running.get(role)?.child.pid
    if (pid === undefined) return
    try {
      process.kill(pid, signal)
    } catch {
      // It ended by itself a moment ago.
    }
  }

  /** SIGTERM; started again once it has gone. */
  leave(role: Role): void {
    this.leaving.add(role)
    this.signal(role, 'SIGTERM')
  }

  /** Changes the clock or the disk of one of our processes. */
  change(role: Role, change: WorldChange): void {
    const child = this.running.get(role)?.child
    // It may have ended a moment ago.
    if (child?.connected === true) child.send(change, () => undefined)
  }

  /** kill -9 of the server; back on its port when so much time has passed. */
  async restartBroker(pauseMs: number): Promise<void> {
    const before = this.broker
    if (before === undefined) return
    this.signal('broker', 'SIGKILL')
    await before.ended
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    const port = Number(new URL(before.url).port)
    if (!this.closed)
      this.broker = await startNatsServer({
        binary: this.options.nats,
        storeDir: join(this.options.folder, 'nats'),
        port,
      })
  }

  cut(role: Role): void {
    this.links.get(role)?.cut()
  }

  get roles(): Role[] {
    return [...this.running.keys()]
  }

  get brokerPort(): number {
    return Number(new URL(this.broker?.url ?? 'nats://127.0.0.1:0').port)
  }

  /** Statuses of the workers, once they have ended by themselves; undefined: still there after the time. */
  async workersEnd(ms: number): Promise<(number | string | undefined)[]> {
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined).unref())
    const workers = [...this.running].filter(([role]) => role !== 'coordinator' && !this.mortal.has(role))
    return Promise.all(workers.map(([, { ended }]) => Promise.race([ended, late])))
  }

  async close(): Promise<void> {
    this.closed = true
    for (const role of this.running.keys()) this.signal(role, 'SIGKILL')
    await Promise.all([...this.running.values()].map(({ ended }) => ended))
    for (const link of this.links.values()) await link.close()
    this.signal('broker', 'SIGKILL')
    await this.broker?.ended
    await new Promise((resolve) => this.log.end(resolve))
  }

  private async open(role: Role): Promise<void> {
    const watch = this.options.watch(role)
    // Of one that is to leave, nothing is a newcomer's any more.
    const link: Link = await Link.open(this.brokerPort, (seen, direction, frame) =>
      this.links.get(role) === link ? watch(seen, direction, frame) : undefined,
    )
    this.links.set(role, link)
  }

  private spawn(role: Role): void {
    const { run, flags } = this.options
    const url = this.links.get(role)?.url ?? ''
    const args =
      role === 'coordinator'
        ? ['coordinator', ...asArguments({ ...flags, 'bus.url': url, 'run.id': run })]
        : ['worker', '--nats', url, '--run', run, '--backend', 'wasm', '--threads', '1', '--label', role]
    const child = spawn(process.execPath, ['--import', WORLD, PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const hear = (data: Buffer): void => {
      for (const line of data.toString().split('\n').filter(Boolean)) this.log.write(`${role}: ${line}\n`)
      if (role === 'coordinator') this.said += data.toString()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    const ended = new Promise<number | string>((resolve) =>
      child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown')),
    )
    this.running.set(role, { child, ended })
    void ended.then((status) => {
      if (this.closed || this.running.get(role)?.child !== child) return
      if (status === 'SIGKILL' || this.leaving.delete(role)) {
        if (!this.mortal.has(role)) this.spawn(role)
      } else if (role === 'coordinator') this.end(status)
    })
  }
}
