// Does the worker's I/O thread stay awake while the compute thread works with all cores? A timer in this thread, which plays
// the I/O thread (worker/compute/client.ts), against the time it should have fired at, during real steps. A late I/O thread
// answers heartbeats late and lets the server's buffers fill. Ratio: 50 ms, the limit, over the value.
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { drawOf, slotId, stepOf } from '../../shared/ids.js'
import { arenaOf } from '../../worker/arena.js'
import { startCompute, type Compute } from '../../worker/compute/client.js'
import type { BenchOptions, Report } from './benchmark.js'
import { quantile } from './peer/rounds.js'
import { presetConfig, randomBatch } from './peer/setting.js'

const LIMIT_MS = 50
const PERIOD_MS = 5
const BATCHES: Readonly<Record<string, number>> = { tiny: 32, 'sudoku-mlp': 8 }

export async function run(options: BenchOptions, report: Report): Promise<void> {
  const { backend, preset = 'sudoku-mlp', quick, batch, threads = availableParallelism() } = options
  const config = presetConfig(preset, batch ?? (quick ? 1 : (BATCHES[preset] ?? 1)))
  const isa = process.env['TRMESH_ISA']
  const setup = { config, backend, gpu: undefined, threads, isa, recompute: false, root: process.cwd() }
  let crashed: Error | undefined
  const compute = await startCompute(setup, (error) => (crashed = error))
  try {
    const train = await trainer(compute, config)
    await train(1)
    const seconds = quick ? 2 : 30
    const what = `${preset}, ${config.train.slots} slots, ${compute.backend}, ${threads} threads`
    const idle = await gaps(() => sleep(quick ? 500 : 5000))
    let steps = 0
    const busy = await gaps(async () => {
      const until = performance.now() + 1000 * seconds
      while (performance.now() < until) await train(++steps + 1)
    })
    tell(`${what}, idle`, idle, report)
    tell(`${what}, ${steps} steps`, busy, report)
  } finally {
    await compute.close()
  }
  if (crashed !== undefined) throw crashed
}

/** Milliseconds by which a timer of this thread came late while `work` went on. */
async function gaps(work: () => Promise<unknown>): Promise<number[]> {
  const late: number[] = []
  let due = performance.now() + PERIOD_MS
  let timer: NodeJS.Timeout
  const tick = (): void => {
    const now = performance.now()
    late.push(Math.max(0, now - due))
    due = now + PERIOD_MS
    timer = setTimeout(tick, PERIOD_MS)
  }
  timer = setTimeout(tick, PERIOD_MS)
  try {
    await work()
  } finally {
    clearTimeout(timer)
  }
  return late
}

function tell(config: string, late: readonly number[], report: Report): void {
  for (const [name, at] of [
    ['p50', 0.5],
    ['p99', 0.99],
    ['max', 1],
  ] as const) {
    const value = quantile(late, at)
    report({ config: `${config}: gap ${name} of ${late.length}`, value, unit: 'ms', ratio: LIMIT_MS / value })
  }
}

/** Steps as the worker's I/O thread orders them, one worker alone: step, check, commit. */
async function trainer(
  compute: Compute,
  config: ReturnType<typeof presetConfig>,
): Promise<(step: number) => Promise<void>> {
  const { model, train } = config
  const layout = layoutOf(model)
  const arena = arenaOf(layout, config, compute.arena)
  arena.params.set(initialParams(layout, 0))
  arena.ema.set(arena.params)
  const ids = Array.from({ length: train.slots }, (_, i) => slotId(i))
  await compute.call({ type: 'adopt', ...initialStates(model, 0) })
  const orders = ids.map((slot) => ({ slot, carry: 'reset' as const }))
  await compute.call({ type: 'slots', orders, carries: new Float32Array(0) })
  let halted = ids.map(() => true)
  return async (step) => {
    const batch = randomBatch(config, step)
    const takes = ids
      .filter((_, i) => halted[i])
      .map((slot) => ({
        slot,
        draw: drawOf(step),
        puzzle: slot,
        inputs: Uint8Array.from(batch.inputs[slot] ?? []),
        labels: Uint8Array.from(batch.labels[slot] ?? []),
      }))
    const stepped = await compute.call({ type: 'step', step: stepOf(step), takes, puzzles: ids })
    halted = Array.from(stepped.halted, (one) => one === 1)
    arena.mean.set(arena.grad)
    await compute.call({ type: 'check' })
    await compute.call({ type: 'commit', step: stepOf(step) })
  }
}
