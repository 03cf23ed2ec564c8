// All-reduce over a real nats-server, every worker a process: 14 MB (bf16), 28 MB (f32) and 7 MB (int8) of 7 million elements. The
// yardstick, alternated with ours, is a first version: publish the whole gradient, sum what comes. Every mean is compared
// with the sum in slot order, bit for bit; the naive one is only required to arrive.
import { fork, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { wireBytes } from '../../shared/gradients/buckets.js'
import { median, type BenchOptions, type Report } from './benchmark.js'
import { onGround } from './ground.js'
import { expectedHash, type Done, type Mode, type Round, type Setup } from './allreduce-round.js'

const MEMBER = fileURLToPath(new URL('./allreduce-member.js', import.meta.url))
const MODES = ['naive', 'sharded', 'star'] as const satisfies readonly Mode[]

export const run = ({ quick }: BenchOptions, report: Report): Promise<void> =>
  onGround(async ({ nats }) => {
    for (const wire of ['bf16', 'f32', 'int8'] as const)
      for (const workers of quick ? [2] : [2, 4, 8]) {
        const elements = quick ? 300_000 : 7_000_000
        const setup = { url: nats.url, elements, workers, wire, bucketBytes: 512 * 1024 }
        await measure(setup, quick ? 2 : 9, nats.pid, report)
      }
  })

interface Cost {
  /** Milliseconds from the word to begin until the last worker has the mean. */
  readonly ms: number
  /** Milliseconds of processor time of all processes, the server included: what a busy machine does not change. */
  readonly cpu: number
}

async function measure(setup: Omit<Setup, 'index'>, rounds: number, server: number, report: Report): Promise<void> {
  const indices = [-1, ...Array.from({ length: setup.workers }, (_, i) => i)]
  const members = await Promise.all(indices.map((index) => Member.start({ ...setup, index })))
  try {
    const costs = new Map<Mode, Cost[]>(MODES.map((mode) => [mode, []]))
    // The first two rounds warm up: the engine compiles, the buffers are touched for the first time.
    for (let step = 1; step <= rounds + 2; step++) {
      const expected = step === 1 ? expectedHash({ ...setup, index: 0 }, step) : undefined
      for (const mode of MODES) {
        const before = processorMs(server)
        const { ms, cpu } = await reduceOnce(members, { mode, step }, expected)
        if (step > 2) costs.get(mode)!.push({ ms, cpu: cpu + processorMs(server) - before })
      }
    }
    const of = (mode: Mode, what: keyof Cost): number[] => costs.get(mode)!.map((cost) => cost[what])
    const size = `${((setup.elements * wireBytes(setup.wire)) / 1e6).toFixed(1)} MB ${setup.wire}`
    for (const mode of MODES)
      for (const [what, unit] of [
        ['ms', 'ms'],
        ['cpu', 'cpu ms'],
      ] as const) {
        const all = of(mode, what)
        const spread = `${Math.min(...all).toFixed(0)}-${Math.max(...all).toFixed(0)}`
        report({
          config: `${size}, ${setup.workers} workers, ${mode} (${all.length} rounds, ${spread})`,
          value: median(all),
          unit,
          ratio: median(of('naive', what)) / median(all),
        })
      }
  } finally {
    for (const member of members) await member.end()
  }
}

async function reduceOnce(
  members: readonly Member[],
  { mode, step }: Omit<Round, 'type'>,
  expected: string | undefined,
): Promise<Cost> {
  await Promise.all(members.map((member) => member.ask({ type: 'prepare', mode, step })))
  const began = performance.timeOrigin + performance.now()
  const done = (await Promise.all(members.map((member) => member.ask({ type: 'reduce', mode, step })))) as Done[]
  const [, ...workers] = done
  const hashes = new Set(workers.map(({ hash }) => hash))
  if (mode !== 'naive' && (hashes.size > 1 || (expected !== undefined && !hashes.has(expected))))
    throw new Error(`${mode}: the means differ, or are not the sum in slot order`)
  const dropped = done.reduce((sum, member) => sum + member.dropped, 0)
  if (dropped > 0) throw new Error(`${mode}: ${dropped} messages were dropped`)
  return {
    ms: Math.max(...workers.map(({ ended }) => ended)) - began,
    cpu: done.reduce((sum, { cpu }) => sum + cpu, 0),
  }
}

/** Processor time of a process so far, in Linux's ticks of 10 ms; 0 elsewhere. */
function processorMs(pid: number): number {
  if (!existsSync(`/proc/${pid}/stat`)) return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return 10 * (Number(fields[11]) + Number(fields[12]))
}

class Member {
  private answered: (reply: unknown) => void = () => undefined
  private failed: (error: Error) => void = () => undefined
  private readonly exited: Promise<void>

  private constructor(private readonly child: ChildProcess) {
    child.on('message', (reply) => this.answered(reply))
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()))
    void this.exited.then(() => this.failed(new Error('a process of the benchmark ended early')))
  }

  static async start(setup: Setup): Promise<Member> {
    const member = new Member(fork(MEMBER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }))
    await member.ask(setup)
    return member
  }

  ask(message: Setup | Round): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.answered = resolve
      this.failed = reject
      this.child.send(message)
    })
  }

  async end(): Promise<void> {
    if (this.child.connected) this.child.disconnect()
    await this.exited
  }
}
