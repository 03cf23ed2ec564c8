// Time of a training step of one worker, by phase, on random examples (--preset, --batch, --threads, --gpu). Yardstick of the whole
// step: the modelled FLOPs of the step (shared/flops.ts) at the speed of the step's own largest matrix product, or of a GPU's in its
// own numbers, measured in the same run. What is missing to a ratio of 1 is overhead of ops, elementwise work and smaller products.
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { PresetName } from '../../shared/config/schema.js'
import { PRESET_NAMES } from '../../shared/config/schema.js'
import { flopsOf } from '../../shared/flops.js'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import { layoutOf, positionsOf } from '../../shared/gradients/layout.js'
import type { SlotId } from '../../shared/ids.js'
import { drawOf, slotId, stepOf } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'
import { swigluWidth } from '../../shared/sub-layers.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { matmulSpeed } from '../../worker/backends/probe.js'
import type { Example } from '../../worker/train/carry.js'
import type { Phase } from '../../worker/train/chunk-step.js'
import { Replica } from '../../worker/train/replica.js'
import type { BenchOptions, Report } from './benchmark.js'
import { median } from './benchmark.js'

/** Not one of these at a time costs a CPU more than a minute. */
const CPU_SLOTS: Readonly<Record<string, number>> = { tiny: 16 }

type Timed = Phase | 'commit'
const PHASES: readonly Timed[] = ['upload', 'forward', 'backward', 'read', 'commit']

const isPreset = (name: string): name is PresetName => (PRESET_NAMES as readonly string[]).includes(name)

function exampleOf({ model }: RunConfig, slot: number, step: number): Example {
  const rng = rngFor(0, 'bench', slot, step)
  const cells = (from: number): Uint8Array =>
    Uint8Array.from({ length: model.seqLen }, () => from + Math.floor(rng.uniform() * (model.vocab - from)))
  return { draw: drawOf(step), puzzle: slot, inputs: cells(1), labels: cells(0) }
}

/** Milliseconds per phase of `steps` steps, and of processor time a step; the first (compilation, allocation) left out. */
function timed(config: RunConfig, slots: number, steps: number): { all: Record<Timed, number>[]; processorMs: number } {
  const { model, train } = config
  const layout = layoutOf(model)
  const params = initialParams(layout, 0)
  const zeros = (): Float32Array => new Float32Array(layout.elements)
  const arena = { params, ema: params.slice(), m: zeros(), v: zeros(), grad: zeros(), mean: zeros() }
  const replica = new Replica({ model, train, seed: 0 }, layout, arena, initialStates(model, 0))
  const ids: SlotId[] = Array.from({ length: slots }, (_, i) => slotId(i))
  replica.setSlots(ids.map((slot) => ({ slot, carry: 'reset' as const })))
  const rows = new Float32Array(slots * model.puzzleEmbDim).fill(0.1)
  const all: Record<Timed, number>[] = []
  let warm = process.cpuUsage()
  for (let step = 1; step <= steps + 1; step++) {
    const takes = new Map(ids.map((slot, i) => [slot, exampleOf(config, i, step)]))
    const times: Record<Timed, number> = { upload: 0, forward: 0, backward: 0, read: 0, commit: 0 }
    let from = performance.now()
    const mark = (phase: Timed): void => {
      const now = performance.now()
      times[phase] += now - from
      from = now
    }
    replica.step(stepOf(step), rows, takes, mark)
    arena.mean.set(arena.grad)
    replica.commit(stepOf(step))
    mark('commit')
    if (step > 1) all.push(times)
    else warm = process.cpuUsage()
  }
  const { user, system } = process.cpuUsage(warm)
  replica.dispose()
  return { all, processorMs: (user + system) / 1000 / steps }
}

export async function run(options: BenchOptions, report: Report): Promise<void> {
  const { backend: asked, preset, quick, gpu, batch, threads = 1 } = options
  const name = preset ?? 'tiny'
  if (!isPreset(name)) throw new RangeError(`there is no preset ${name}; there are ${PRESET_NAMES.join(', ')}`)
  const config = compileConfig({ preset: name, env: {}, flags: {} })
  const backend = await selectBackend(asked, { root: process.cwd(), threads, ...(gpu !== undefined && { gpu }) })
  const slots = batch ?? (quick ? 1 : (CPU_SLOTS[name] ?? 1))
  const { all, processorMs } = timed(config, slots, quick ? 1 : 15)
  const { model } = config
  const m = slots * positionsOf(model)
  const width = swigluWidth(model.hidden, model.expansion)
  // On a GPU the library's product is not the one that steps are made of.
  const ofCard = gpu === undefined ? undefined : backend.peak?.(0.5)
  const gflopPerSecond = ofCard ?? matmulSpeed(m, model.hidden, width, 20, () => performance.now()).gflopPerSecond
  const what = `${name}, ${slots} slots, ${backend.name}, ${backend.device}`
  for (const phase of PHASES)
    report({ config: `${what}: ${phase}`, value: median(all.map((one) => one[phase])), unit: 'ms', ratio: null })
  const whole = median(all.map((one) => PHASES.reduce((sum, phase) => sum + one[phase], 0)))
  const ideal = (slots * flopsOf(model).train) / gflopPerSecond / 1e6
  report({ config: `${what}: step, against matmul speed`, value: whole, unit: 'ms', ratio: ideal / whole })
  report({ config: `${what}: step, processor time`, value: processorMs, unit: 'ms', ratio: null })
  report({ config: `${what}: samples`, value: (1000 * slots) / whole, unit: '1/s', ratio: null })
}
