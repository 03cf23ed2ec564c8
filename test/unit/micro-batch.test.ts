// Slots that go through the network together: all of a small model's, few of a large one's.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import { microBatchOf, savedBytes } from '../../worker/train/micro-batch.js'

test('all slots of the tiny preset go together; those of the official models as memory allows', () => {
  const tiny = compileConfig({ preset: 'tiny', env: {}, flags: {} })
  assert.ok(microBatchOf(tiny.model) >= tiny.train.slots, `${microBatchOf(tiny.model)}`)
  const { model } = compileConfig({ preset: 'arc1', env: {}, flags: {} })
  const most = microBatchOf(model)
  assert.ok(most >= 1 && (most === 1 || most * savedBytes(model) <= 3 * 2 ** 30), `${most}`)
})
