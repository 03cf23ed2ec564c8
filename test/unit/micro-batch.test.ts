// Slots that go through the network together: all of a small model's, few of a large one's.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import { gpuBytes, microBatchOf, microBatchOnGpu, savedBytes } from '../../worker/train/micro-batch.js'

test('all slots of the tiny preset go together; those of the official models as memory allows', () => {
  const tiny = compileConfig({ preset: 'tiny', env: {}, flags: {} })
  assert.ok(microBatchOf(tiny.model) >= tiny.train.slots, `${microBatchOf(tiny.model)}`)
  const { model } = compileConfig({ preset: 'arc1', env: {}, flags: {} })
  const most = microBatchOf(model)
  assert.ok(most >= 1 && (most === 1 || most * savedBytes(model) <= 3 * 2 ** 30), `${most}`)
})

test('a GPU of 80 GB takes the whole batch of the official ARC run when passes are computed again', () => {
  const { model } = compileConfig({ preset: 'arc1', env: {}, flags: {} })
  assert.ok(microBatchOnGpu(model, true) >= 768, `${gpuBytes(model, true)} bytes a sample`)
  assert.ok(gpuBytes(model, false) > 2 * gpuBytes(model, true))
  assert.ok(microBatchOnGpu(model, false) >= 192, `${gpuBytes(model, false)} bytes a sample`)
})
