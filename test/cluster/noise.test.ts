// Noise and chains over a real bus: drawn by slot, draw and step, so that neither the number of workers nor a stop changes a bit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentsOf, lossesOf, natsFor, temporaryFolder, train, withoutNats } from '../helpers/cluster.js'

const STEPS = 8

test(
  'random starts, noise and chains: one worker, and two that stopped and resumed, have the same bits in mode exact',
  { skip: withoutNats, timeout: 120_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const flags = {
      'run.dir': temporaryFolder(t),
      'train.steps': STEPS,
      'train.slots': 8,
      'reduce.bucketBytes': 4096,
      'reduce.mode': 'exact',
      'reduce.group': 2,
      'model.start': 'random',
      'model.stepNoise': 0.2,
      'model.chains': 2,
      'evaluate.maxPairs': 2,
    }
    const one = await train(t, url, 1, { ...flags, 'run.id': 'one' })
    await train(t, url, 2, { ...flags, 'run.id': 'two', 'train.steps': STEPS / 2 })
    const two = await train(t, url, 2, { ...flags, 'run.id': 'two' })
    assert.match(two.said, /resuming from step 4/)
    const losses = [...lossesOf(one.folder)]
    assert.equal(losses.length, STEPS)
    assert.deepEqual([...lossesOf(two.folder)], losses)
    assert.deepEqual(contentsOf(two.folder, STEPS), contentsOf(one.folder, STEPS))
  },
)
