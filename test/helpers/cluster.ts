// A small run on this machine for the tests: a real nats-server, the real services, the real compute thread on wasm. What
// must die with kill -9 runs as a child process, the rest in this one.
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'node:test'
import { serveCoordinator } from '../../coordinator/service.js'
import { isPuzzleFile } from '../../shared/checkpoint/contents.js'
import { startNatsServer, type RunningNats } from '../../deploy/local/nats.js'
import { findNatsServer } from '../../deploy/setup/nats-server.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { EvaluationOptions, StopSignal, Terminal, WorkerOptions } from '../../shared/ports.js'
import { serveWorker } from '../../worker/service.js'
import { Stopper } from './stopper.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const PROGRAM = join(root, '.build', 'deploy', 'cli', 'main.js')
const found = await findNatsServer(root)

/** For the `skip` option of a test: false, or the reason. */
export const withoutNats: string | false = found === undefined ? 'no nats-server is found here' : false

/** Waits for a condition, looking often; fails with `what` after the deadline. */
export async function until(what: string | (() => string), holds: () => boolean, ms = 30_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!holds()) {
    if (performance.now() > deadline)
      throw new Error(`waited ${ms / 1000} s in vain for ${typeof what === 'string' ? what : what()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const undoing = new WeakMap<TestContext, (() => unknown)[]>()

/** Undoes, after the test, in the opposite order of doing: what uses a server ends before the server. */
export function afterwards(t: TestContext, undo: () => unknown): void {
  const known = undoing.get(t)
  if (known !== undefined) return void known.push(undo)
  const all = [undo]
  undoing.set(t, all)
  t.after(async () => {
    for (const one of all.reverse()) await one()
  })
}

/** A folder that is gone after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-'))
  // Retries: a process that is ended later may still write into it.
  afterwards(t, () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}

/** On a free port, or on a given one. */
export async function natsFor(t: TestContext, port?: number): Promise<RunningNats> {
  if (found === undefined) throw new Error('no nats-server')
  const nats = await startNatsServer({
    binary: found.path,
    storeDir: temporaryFolder(t),
    ...(port === undefined ? {} : { port }),
  })
  afterwards(t, () => nats.stop())
  return nats
}

export type Flags = Readonly<Record<string, string | number>>

/** A network that steps in some ten milliseconds on one core. */
export const SMALL: Flags = {
  'model.hidden': 32,
  'model.heads': 2,
  'model.expansion': 1,
  'model.layers': 1,
  'model.hCycles': 1,
  'model.lCycles': 1,
  'model.puzzleEmbLen': 1,
  'model.puzzleEmbDim': 32,
  'model.haltMaxSteps': 3,
  'data.canvas': 5,
  'data.generatedFamilies': 6,
  'data.generatedTasksPerFamily': 2,
  'data.augmentations': 4,
  'train.slots': 8,
  'train.warmupSteps': 5,
  'train.lr': 0.001,
  'evaluate.augmentations': 1,
  'evaluate.batch': 8,
  'evaluate.maxPairs': 6,
  'checkpoint.everySteps': 1000,
  'cluster.heartbeatMs': 100,
  'cluster.deadAfterMs': 1500,
}

export const asText = (flags: Flags): Record<string, string> =>
  Object.fromEntries(Object.entries(flags).map(([key, value]) => [key, String(value)]))

export const configOf = (flags: Flags): RunConfig =>
  compileConfig({ preset: 'tiny', env: {}, flags: asText({ ...SMALL, ...flags }) })

/** The flags as the command line takes them. */
export const asArguments = (flags: Flags): string[] =>
  Object.entries(flags).flatMap(([key, value]) => [`--${key}`, String(value)])

export class Captured implements Terminal {
  readonly isTTY = false
  readonly columns = 120
  readonly lines: string[] = []
  line(text: string): void {
    this.lines.push(text)
  }
  status(text: string): void {
    this.lines.push(text)
  }
  get text(): string {
    return this.lines.join('\n')
  }
}

export interface Service {
  readonly out: Captured
  /** Rejects with the error the service ended with. */
  readonly done: Promise<void>
  stop(): void
}

function service(t: TestContext, start: (out: Captured, signal: StopSignal) => Promise<void>): Service {
  const out = new Captured()
  const signal = new Stopper()
  const done = start(out, signal)
  // Whoever cares awaits it; a test that does not must still end cleanly.
  done.catch(() => undefined)
  afterwards(t, async () => {
    signal.stop()
    await done.catch(() => undefined)
  })
  return { out, done, stop: () => signal.stop() }
}

/** @param base checkpoint whose model the run begins with */
export const coordinate = (t: TestContext, config: RunConfig, fresh = false, base?: string): Service =>
  service(t, (out, signal) => serveCoordinator({ config, root, fresh, base, signal, out }))

/** The coordinator of an evaluation. */
export const evaluate = (t: TestContext, config: RunConfig, evaluation: EvaluationOptions, base?: string): Service =>
  service(t, (out, signal) => serveCoordinator({ config, root, fresh: false, evaluation, base, signal, out }))

export const work = (
  t: TestContext,
  url: string,
  run: string,
  label = 'w',
  credentials = '',
  ca = '',
  backend: WorkerOptions['backend'] = 'wasm',
  more: Partial<WorkerOptions> = {},
): Service =>
  service(t, (out, signal) =>
    serveWorker({
      busUrl: url,
      credentials,
      ca,
      runId: run,
      backend,
      gpu: undefined,
      threads: 1,
      isa: undefined,
      recompute: false,
      label,
      metricsHost: '127.0.0.1',
      metricsPort: 0,
      root,
      signal,
      out,
      ...more,
    }),
  )

/** Runs `steps` steps with so many workers in this process, to the end. @returns the run's folder and the coordinator's words */
export async function train(
  t: TestContext,
  url: string,
  workers: number,
  flags: Flags,
  base?: string,
): Promise<{ folder: string; said: string }> {
  const config = configOf({ ...flags, 'bus.url': url, 'cluster.minWorkers': workers })
  const crew = Array.from({ length: workers }, (_, i) => work(t, url, config.run.id, `w${i}`))
  const coordinator = coordinate(t, config, false, base)
  await Promise.race([
    coordinator.done,
    ...crew.map(async ({ done }) => {
      await done
      await coordinator.done
    }),
  ])
  await Promise.all(crew.map(({ done }) => done))
  return { folder: join(config.run.dir, config.run.id), said: coordinator.out.text }
}

export interface Process {
  readonly child: ChildProcess
  readonly pid: number
  /** stdout and stderr together. */
  readonly said: () => string
  /** Exit status, or the signal. */
  readonly ended: Promise<number | string>
  kill(signal: NodeJS.Signals): void
}

/**
 * `trmesh` with these arguments, as a process; killed after the test if it is still there.
 * @param namespace network namespace to run in
 */
export function trmesh(
  t: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  namespace?: string,
): Process {
  const inside = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace]
  const [program = '', ...rest] = [...inside, process.execPath, PROGRAM, ...args]
  const child = spawn(program, rest, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const hear = (data: Buffer): void => void (said += data.toString())
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown')),
  )
  afterwards(t, async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, pid: child.pid ?? NaN, said: () => said, ended, kill: (signal) => void child.kill(signal) }
}

export const workerProcess = (
  t: TestContext,
  url: string,
  run: string,
  label: string,
  env: NodeJS.ProcessEnv = {},
): Process =>
  trmesh(t, ['worker', '--nats', url, '--run', run, '--backend', 'wasm', '--threads', '1', '--label', label], env)

export interface JournalLine {
  readonly step?: number
  readonly evaluation?: number
  readonly loss?: number
  readonly lmLoss?: number
  readonly workers?: number
  readonly score?: number
}

export function journalOf(folder: string): JournalLine[] {
  const file = join(folder, 'journal.jsonl')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as JournalLine)
}

/** Loss of every step; where a step was done twice, the later. */
export function lossesOf(folder: string): Map<number, number> {
  const losses = new Map<number, number>()
  for (const { step, loss } of journalOf(folder)) if (step !== undefined) losses.set(step, loss ?? NaN)
  return losses
}

export const lastStep = (folder: string): number => journalOf(folder).reduce((at, { step }) => step ?? at, 0)

export const checkpointsOf = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /^step-\d+$/.test(name))
        .sort()
    : []

/** What a checkpoint holds, as hashes: equal means equal bits. `draws`: per slot example, next example, ACT steps, halted. */
export function contentsOf(folder: string, step: number): { hashes: Record<string, string>; slots: unknown } {
  const dir = join(folder, `step-${String(step).padStart(8, '0')}`)
  const sha256 = (...parts: Uint8Array[]): string =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')
  const read = (name: string): Buffer => readFileSync(join(dir, name))
  const { slots, files } = JSON.parse(read('manifest.json').toString()) as { slots: unknown; files: { name: string }[] }
  // Which rows lie in which file depends on what was saved before; what counts is the newest row of each puzzle.
  const rows = new Map<number, Uint8Array>()
  for (const { name } of files) if (isPuzzleFile(name)) for (const [id, row] of rowsOf(read(name))) rows.set(id, row)
  const puzzles = [...rows]
    .sort(([a], [b]) => a - b)
    .flatMap(([id, row]) => [Uint8Array.of(id, id >> 8, id >> 16), row])
  return {
    hashes: {
      dense: sha256(read('dense.safetensors')),
      carry: sha256(read('carry.safetensors')),
      puzzles: sha256(...puzzles),
      ...(existsSync(join(dir, 'local.safetensors')) ? { local: sha256(read('local.safetensors')) } : {}),
    },
    slots,
  }
}

/** Ids and rows of a puzzle file. */
function rowsOf(file: Buffer): (readonly [number, Uint8Array])[] {
  const start = 8 + Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
    'ids' | 'rows',
    { data_offsets: [number, number] }
  >
  const part = ({ data_offsets: [from, to] }: { data_offsets: [number, number] }): Buffer =>
    file.subarray(start + from, start + to)
  const [ids, rows] = [part(header.ids), part(header.rows)]
  const width = ids.length === 0 ? 0 : (rows.length * 4) / ids.length
  return Array.from({ length: ids.length / 4 }, (_, i) => [ids.readInt32LE(i * 4), rows.subarray(i * width, (i + 1) * width)] as const) // prettier-ignore
}
