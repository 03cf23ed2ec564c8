// A worker on a GPU in whole runs, its kernels played on the host: found, opened and asked as any worker's engine is. It trains beside
// a worker on the CPU, both agree on every bit at every step, its gradients leave in what the wire takes, and its checkpoint goes on
// without it.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCompiler, rootWithEmulatedGpu } from '../helpers/cuda.js'
import {
  configOf,
  contentsOf,
  coordinate,
  journalOf,
  lossesOf,
  natsFor,
  temporaryFolder,
  train,
  withoutNats,
  work,
  type Flags,
} from '../helpers/cluster.js'

const skip = withoutNats || (hasCompiler ? false : 'no g++ here')
const STEPS = 12
const SLOW: Flags = { 'train.slots': 4, 'train.steps': STEPS, 'cluster.minWorkers': 2, 'cluster.deadAfterMs': 20_000, 'evaluate.maxPairs': 2 } // prettier-ignore

for (const [name, flags] of [
  ['attention, gradients in bf16', { 'reduce.wire': 'bf16' }],
  ['an MLP mixer, gradients in int8', { 'reduce.wire': 'int8', 'model.mixer': 'mlp', 'model.positions': 'none' }],
  ['Mamba-2 and attention, gradients in f32', { 'reduce.wire': 'f32', 'model.mixer': 'hybrid', 'model.stateSize': 8, 'model.stateHead': 16 }], // prettier-ignore
] as const)
  test(`a GPU and a CPU train together to the end and agree: ${name}`, { skip, timeout: 240_000 }, async (t) => {
    const root = temporaryFolder(t)
    await rootWithEmulatedGpu(process.cwd(), root)
    const { url } = await natsFor(t)
    const shared: Flags = { ...SLOW, ...flags, 'run.dir': temporaryFolder(t) }
    const crew = [work(t, url, 'mixed', 'gpu', '', '', 'native', { gpu: 0, root }), work(t, url, 'mixed', 'cpu')]
    const coordinator = coordinate(t, configOf({ ...shared, 'run.id': 'mixed', 'bus.url': url }))
    await coordinator.done
    await Promise.all(crew.map(({ done }) => done))
    assert.match(coordinator.out.text, /gpu: backend native, bf16, GPU 0, .*played on the host/)
    assert.match(coordinator.out.text, new RegExp(`finished at step ${STEPS} of ${STEPS}`))
    assert.doesNotMatch(coordinator.out.text, /replicas differ/)
    const mixed = join(String(shared['run.dir']), 'mixed')
    assert.ok(journalOf(mixed).some(({ evaluation, score }) => evaluation === STEPS && score !== undefined))

    const { folder } = await train(t, url, 2, { ...shared, 'run.id': 'plain' })
    const plain = lossesOf(folder)
    for (const [step, loss] of lossesOf(mixed))
      assert.ok(
        Math.abs(loss - (plain.get(step) ?? NaN)) <= 0.02 * loss,
        `step ${step}: ${loss} for ${plain.get(step)}`,
      )

    const { said } = await train(t, url, 1, {
      ...shared,
      'run.id': 'mixed',
      'cluster.minWorkers': 1,
      'train.steps': STEPS + 4,
    })
    assert.match(said, new RegExp(`resuming from step ${STEPS}`))
    assert.match(said, new RegExp(`finished at step ${STEPS + 4}`))
    const { slots } = contentsOf(mixed, STEPS + 4) as { slots: { draw: number; next: number }[] }
    for (const { draw, next } of slots) assert.equal(next, draw + 1)
  })
