// Models other than TRM, and a trimmed one, in a real run: their carries and states travel, are saved, and a resumed run has the same bits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentsOf, lossesOf, natsFor, temporaryFolder, train, withoutNats, type Flags } from '../helpers/cluster.js'

const MEMBERS: Readonly<Record<string, Flags>> = {
  hrm: {
    'model.networks': 'two',
    'model.gradient': 'last',
    'model.halting': 'continue',
    'model.lCycles': 2,
    'train.emaRate': 0,
  },
  many: { 'model.states': 'many', 'model.lCycles': 3 },
  one: { 'model.states': 'one' },
  trimmed: { 'model.trim': 4, 'evaluate.canvas': 'shown' },
  transformer: { 'model.states': 'answer', 'model.lCycles': 0 },
}

for (const [name, member] of Object.entries(MEMBERS))
  test(
    `${name}: stopped at step 6 and resumed, the bits are those of an uninterrupted run`,
    {
      skip: withoutNats,
      timeout: 60_000,
    },
    async (t) => {
      const { url } = await natsFor(t)
      const flags = { ...member, 'reduce.wire': 'f32', 'run.dir': temporaryFolder(t) }
      const whole = await train(t, url, 2, { ...flags, 'run.id': 'whole', 'train.steps': 12 })
      await train(t, url, 2, { ...flags, 'run.id': 'parts', 'train.steps': 6 })
      const parts = await train(t, url, 2, { ...flags, 'run.id': 'parts', 'train.steps': 12 })
      assert.match(parts.said, /resuming from step 6/)
      const losses = [...lossesOf(whole.folder)]
      assert.equal(losses.length, 12)
      assert.deepEqual([...lossesOf(parts.folder)], losses)
      const [theirs, ours] = [contentsOf(parts.folder, 12), contentsOf(whole.folder, 12)]
      assert.deepEqual(theirs.hashes, ours.hashes)
      assert.match(parts.said, /test pairs solved/)
    },
  )
