// Slots that go through the network together: all of a small model's, few of a large one's.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import { PRESETS } from '../../shared/config/presets.js'
import type { PresetName } from '../../shared/config/schema.js'
import { positionsOf } from '../../shared/gradients/layout.js'
import { gpuBytes, gpuParts, recordedStates } from '../../worker/train/gpu-memory.js'
import { microBatchOf, microBatchOnGpu, savedBytes } from '../../worker/train/micro-batch.js'

test('all slots of the tiny preset go together; those of the official models as memory allows', () => {
  const tiny = compileConfig({ preset: 'tiny', env: {}, flags: {} })
  assert.ok(microBatchOf(tiny.model) >= tiny.train.slots, `${microBatchOf(tiny.model)}`)
  const { model } = compileConfig({ preset: 'arc1', env: {}, flags: {} })
  const most = microBatchOf(model)
  assert.ok(most >= 1 && (most === 1 || most * savedBytes(model) <= 3 * 2 ** 30), `${most}`)
})

test('a GPU of 80 GB takes the whole batch of the official ARC run when passes are computed again, graphs included', () => {
  const { model, train } = compileConfig({ preset: 'arc1', env: {}, flags: {} })
  const { slots } = train
  const bytes = (recompute: boolean, graphs: boolean): number => gpuBytes(model, { batch: slots, slots, recompute, graphs }) // prettier-ignore
  assert.equal(slots, 768)
  assert.ok(microBatchOnGpu(model, slots, true) >= slots, `${bytes(true, true)} bytes`)
  assert.ok(bytes(false, false) > 2 * bytes(true, false))
  assert.ok(microBatchOnGpu(model, slots, false) >= 192, `${bytes(false, true)} bytes`)
})

test('two graphs keep seven states of every sample each: three copies of inputs, four that the recursion writes', () => {
  const { model } = compileConfig({ preset: 'arc1', env: {}, flags: {} })
  const load = { batch: 10, slots: 10, recompute: true, graphs: true }
  assert.equal(recordedStates(model), 7)
  assert.equal(gpuParts(model, load).graphs, 2 * 7 * 10 * 4 * positionsOf(model) * model.hidden)
  assert.equal(gpuParts(model, { ...load, graphs: false }).graphs, 0)
})

test('the micro-batch of a GPU is the largest that fits, of every preset, and no more than a pass takes', () => {
  for (const preset of Object.keys(PRESETS) as PresetName[])
    for (const recompute of [false, true]) {
      const { model, train } = compileConfig({ preset, env: {}, flags: {} })
      const bytes = (batch: number): number => gpuBytes(model, { batch, slots: train.slots, recompute, graphs: true })
      const most = microBatchOnGpu(model, train.slots, recompute)
      assert.ok(bytes(most) <= 70 * 2 ** 30, `${preset}: ${most} samples take ${bytes(most)} bytes`)
      assert.ok(most === 65535 || bytes(most + 1) > 70 * 2 ** 30, `${preset}: ${most + 1} samples fit too`)
    }
})
