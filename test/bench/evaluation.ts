// Rows a second that a worker evaluates (all supervision steps, no gradient), against the samples a second that its training
// eats, in supervision steps of both: above 1 is what leaving out backward saves. Then the same rows against what one core of the
// coordinator can encode: how many such workers it keeps busy.
import { join } from 'node:path'
import { openExampleSource } from '../../coordinator/data/open.js'
import { compileConfig } from '../../shared/config/compile.js'
import { PRESET_NAMES, type PresetName } from '../../shared/config/schema.js'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { drawOf, slotId, stepOf } from '../../shared/ids.js'
import { selectBackend } from '../../worker/backends/choose.js'
import type { Example } from '../../worker/train/carry.js'
import { microBatchOf } from '../../worker/train/micro-batch.js'
import { Replica } from '../../worker/train/replica.js'
import { median, type BenchOptions, type Report } from './benchmark.js'

const BATCH: Readonly<Record<string, number>> = { tiny: 32, 'sudoku-mlp': 8 }
const isPreset = (name: string): name is PresetName => (PRESET_NAMES as readonly string[]).includes(name)

export async function run(
  { backend: asked, preset, batch, threads, rounds, quick }: BenchOptions,
  report: Report,
): Promise<void> {
  // prettier-ignore
  const name = preset ?? 'tiny'
  if (!isPreset(name)) throw new RangeError(`there is no preset ${name}; there are ${PRESET_NAMES.join(', ')}`)
  const size = batch ?? (quick ? 1 : (BATCH[name] ?? 1))
  const config = compileConfig({ preset: name, env: {}, flags: { 'train.slots': String(size) } })
  const { model, train } = config
  const backend = await selectBackend(asked, { root: process.cwd(), ...(threads === undefined ? {} : { threads }) })
  const source = await openExampleSource({ ...config.data, source: 'generated', augmentations: 2 }, 0, size, {
    cacheDir: join(process.cwd(), '.trmesh', 'data'),
    threads: 0,
  })
  const slots = Array.from({ length: size }, (_, i) => slotId(i))
  const examples = await Promise.all(slots.map((slot) => source.example(slot, 0)))
  const takes = new Map(slots.map((slot, i): [typeof slot, Example] => {
    const { puzzle, inputs, labels } = examples[i]!
    return [slot, { draw: drawOf(0), puzzle, inputs, labels }]
  })) // prettier-ignore
  const layout = layoutOf(model)
  const zeros = (): Float32Array => new Float32Array(layout.elements)
  const params = initialParams(layout, 0)
  const arena = { params, ema: params.slice(), m: zeros(), v: zeros(), grad: zeros(), mean: zeros() }
  const replica = new Replica({ model, train, seed: 0 }, layout, arena, initialStates(model, 0), {
    microBatch: microBatchOf(model),
  })
  replica.setSlots(slots.map((slot) => ({ slot, carry: 'reset' as const })))
  const rows = new Float32Array(size * model.puzzleEmbDim).fill(0.1)
  const inputs = new Uint8Array(size * model.seqLen)
  examples.forEach((example, i) => inputs.set(example.inputs, i * model.seqLen))

  const timed = (work: () => unknown): number => {
    const began = performance.now()
    work()
    return (performance.now() - began) / 1000
  }
  let step = 0
  const training: number[] = []
  const evaluation: number[] = []
  // Turn by turn, so that a change of the machine's mood hits both; the first turn warms up.
  for (let round = 0; round <= (rounds ?? (quick ? 1 : 7)); round++) {
    step++
    const trained = timed(() => {
      replica.step(stepOf(step), rows, takes)
      arena.mean.set(arena.grad)
      replica.commit(stepOf(step))
    })
    const evaluated = timed(() => replica.evaluate({ rows, inputs, batch: size }))
    if (round === 0) continue
    training.push(size / trained)
    evaluation.push(size / evaluated)
  }
  replica.dispose()
  const began = process.cpuUsage()
  let encoded = 0
  while (process.cpuUsage(began).user < (quick ? 20_000 : 500_000)) {
    await Promise.all(slots.map((slot) => source.example(slot, 1 + encoded / size)))
    encoded += size
  }
  const { user, system } = process.cpuUsage(began)
  await source.close()
  const feed = encoded / ((user + system) / 1e6)
  const what = `${name}, ${size} at a time, ${backend.name} ${backend.precision}`
  const [trains, evaluates] = [median(training), median(evaluation)]
  report({ config: `${what}: training`, value: trains, unit: 'samples/s', ratio: null })
  report({ config: `${what}: evaluation of ${model.haltMaxSteps} steps, against training`, value: evaluates, unit: 'rows/s', ratio: (evaluates * model.haltMaxSteps) / trains }) // prettier-ignore
  report({ config: `${what}: training feed of one core, against evaluation`, value: feed, unit: 'samples/s', ratio: feed / evaluates }) // prettier-ignore
}
