// All-reduce over a real nats-server, every worker a process: 14 MB (bf16) and 28 MB (f32) of 7 million elements. The
// yardstick, alternated with ours, is a first version: publish the whole gradient, sum what comes. Every mean is compared
// with the sum in slot order, bit for bit; the naive one is only required to arrive.
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { wireBytes } from '../../shared/gradients/buckets.js'
import { median, type BenchOptions, type Report } from './benchmark.js'
import { onGround } from './ground.js'
import { expectedHash, type Done, type Mode, type Round, type Setup } from './allreduce-round.js'

const MEMBER = fileURLToPath(new URL('./allreduce-member.js', import.meta.url))
const MODES = ['naive', 'sharded', 'star'] as const satisfies readonly Mode[]

export const run = ({ quick }: BenchOptions, report: Report): Promise<void> =>
  onGround(async ({ nats }) => {
    for (const wire of ['bf16', 'f32'] as const)
      for (const workers of quick ? [2] : [2, 4, 8]) {
        const elements = quick ? 300_000 : 7_000_000
        const setup = { url: nats.url, elements, workers, wire, bucketBytes: 512 * 1024 }
        await measure(setup, quick ? 2 : 9, report)
      }
  })

async function measure(setup: Omit<Setup, 'index'>, rounds: number, report: Report): Promise<void> {
  const indices = [-1, ...Array.from({ length: setup.workers }, (_, i) => i)]
  const members = await Promise.all(indices.map((index) => Member.start({ ...setup, index })))
  try {
    const times = new Map<Mode, number[]>(MODES.map((mode) => [mode, []]))
    // The first two rounds warm up: the engine compiles, the buffers are touched for the first time.
    for (let step = 1; step <= rounds + 2; step++) {
      const expected = step === 1 ? expectedHash({ ...setup, index: 0 }, step) : undefined
      for (const mode of MODES) {
        const ms = await reduceOnce(members, { mode, step }, expected)
        if (step > 2) times.get(mode)!.push(ms)
      }
    }
    const naive = median(times.get('naive')!)
    const size = `${((setup.elements * wireBytes(setup.wire)) / 1e6).toFixed(1)} MB ${setup.wire}`
    for (const mode of MODES) {
      const all = times.get(mode)!
      const spread = `${Math.min(...all).toFixed(0)}-${Math.max(...all).toFixed(0)}`
      report({
        config: `${size}, ${setup.workers} workers, ${mode} (${all.length} rounds, ${spread})`,
        value: median(all),
        unit: 'ms',
        ratio: naive / median(all),
      })
    }
  } finally {
    for (const member of members) await member.end()
  }
}

/** @returns milliseconds from the word to begin until the last worker has the mean */
async function reduceOnce(
  members: readonly Member[],
  { mode, step }: Omit<Round, 'type'>,
  expected: string | undefined,
): Promise<number> {
  await Promise.all(members.map((member) => member.ask({ type: 'prepare', mode, step })))
  const began = performance.timeOrigin + performance.now()
  const done = (await Promise.all(members.map((member) => member.ask({ type: 'reduce', mode, step })))) as Done[]
  const [, ...workers] = done
  const hashes = new Set(workers.map(({ hash }) => hash))
  if (mode !== 'naive' && (hashes.size > 1 || (expected !== undefined && !hashes.has(expected))))
    throw new Error(`${mode}: the means differ, or are not the sum in slot order`)
  const dropped = done.reduce((sum, member) => sum + member.dropped, 0)
  if (dropped > 0) throw new Error(`${mode}: ${dropped} messages were dropped`)
  return Math.max(...workers.map(({ ended }) => ended)) - began
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
