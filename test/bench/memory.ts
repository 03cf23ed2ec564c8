// Resident memory of every process of a real run, at its highest, as Linux counts it: nats-server, coordinator, and a worker
// with both its threads. Yardstick: a Node process that does nothing (for the server: itself before the run).
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { PuzzleTable } from '../../coordinator/puzzle-table.js'
import { SystemRefused } from '../../shared/errors.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { BenchOptions, Report } from './benchmark.js'
import { onGround } from './ground.js'
import { highestResident } from './resident.js'

const PROGRAM = fileURLToPath(new URL('../../deploy/cli/main.js', import.meta.url))
const POLL_MS = 100

interface Run {
  readonly name: string
  readonly flags: Readonly<Record<string, string>>
}

const COMMON = {
  'data.source': 'generated',
  'evaluate.everySteps': '0',
  'evaluate.augmentations': '0',
  'evaluate.maxPairs': '1',
  'evaluate.batch': '1',
  'metrics.port': '0',
}
const RUNS: readonly Run[] = [
  { name: 'tiny, 32 slots', flags: { preset: 'tiny', 'train.slots': '32', 'train.steps': '20' } },
  {
    name: 'arc1 size, 2 slots',
    flags: { preset: 'arc1', 'train.slots': '2', 'train.steps': '2', 'data.augmentations': '10' },
  },
]
const QUICK: readonly Run[] = [
  {
    name: 'tiny, 2 slots',
    flags: { preset: 'tiny', 'train.slots': '2', 'train.steps': '2', 'data.augmentations': '1' },
  },
]

export async function run({ quick, backend }: BenchOptions, report: Report): Promise<void> {
  const idle = await idleNode()
  const told = (config: string, bytes: number, yardstick: number): void =>
    report({ config, value: bytes / 1e6, unit: 'MB', ratio: yardstick / bytes })
  told('a Node process that does nothing', idle, idle)
  for (const { name, flags } of quick ? QUICK : RUNS)
    await onGround(async ({ nats, folder }) => {
      const before = highestResident(nats.pid)
      const common = ['--nats', nats.url, '--run', 'bench-memory']
      const settings = Object.entries({ ...COMMON, ...flags, 'run.dir': folder }).flatMap(([key, value]) => [
        `--${key}`,
        value,
      ])
      const coordinator = program(['coordinator', ...common, ...settings])
      const worker = program(['worker', ...common, '--backend', backend, '--metrics.port', '0'])
      const seen = { coordinator: 0, worker: 0, nats: 0 }
      const timer = setInterval(() => {
        // The highest since the start, so what happens between two looks counts too.
        seen.coordinator = Math.max(seen.coordinator, highestResident(coordinator.child.pid))
        seen.worker = Math.max(seen.worker, highestResident(worker.child.pid))
        seen.nats = Math.max(seen.nats, highestResident(nats.pid))
      }, POLL_MS)
      try {
        // Whoever fails takes the other's run away.
        await Promise.all([coordinator.ended, worker.ended])
      } finally {
        clearInterval(timer)
        coordinator.child.kill('SIGKILL')
        worker.child.kill('SIGKILL')
      }
      told(`${name}: nats-server`, seen.nats, before)
      told(`${name}: coordinator`, seen.coordinator, idle)
      const used = /backend (\w+)/.exec(worker.said())?.[1] ?? backend
      told(`${name}: worker on ${used}, I/O and compute`, seen.worker, idle)
    })
  puzzleTable(quick, report)
}

/** ARC-1's table: what it holds when fresh and after steps of 768 slots, against all rows in full. */
function puzzleTable(quick: boolean, report: Report): void {
  const [rows, dim, slots] = [876_406, 512, 768]
  const table = new PuzzleTable(rows, dim)
  const tell = (when: string): void => {
    const { bytes } = table.memory
    report({
      config: `puzzle table of ${rows} rows, ${when}`,
      value: bytes / 1e6,
      unit: 'MB',
      ratio: (rows * dim * 4) / bytes,
    })
  }
  tell('fresh')
  const steps = quick ? 2 : 1000
  const gradient = new Float32Array(slots * dim).fill(1e-3)
  const rng = rngFor(0, 'bench', 0, 0)
  // A slot stays with an example for some eight steps.
  for (let step = 0; step < steps / 8; step++)
    table.apply(
      Array.from({ length: slots }, () => 1 + Math.floor(rng.uniform() * (rows - 1))),
      gradient,
      1e-2,
      0.1,
    )
  tell(`after ${steps} steps`)
}

async function idleNode(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => 0, 60000)'])
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const bytes = highestResident(child.pid)
  child.kill('SIGKILL')
  return bytes
}

interface Program {
  readonly child: ChildProcess
  /** Rejects if it ends with another status than 0. */
  readonly ended: Promise<void>
  /** The end of what it printed. */
  readonly said: () => string
}

function program(args: readonly string[]): Program {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const keep = (text: Buffer): void => void (said = (said + text.toString()).slice(-2000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const ended = new Promise<void>((resolve, reject) => {
    child.once('exit', (status) =>
      status === 0
        ? resolve()
        : reject(new SystemRefused(`${args[0]} ended with ${status}:\n${said}`, 'see its words above')),
    )
  })
  return { child, ended, said: () => said }
}
