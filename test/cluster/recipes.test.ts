// Recipes in a real run: other optimizers, losses and depths are functions of configuration and step, so a run that was stopped goes
// on with the bits of one that was not.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  checkpointsOf,
  contentsOf,
  lossesOf,
  natsFor,
  temporaryFolder,
  train,
  withoutNats,
  type Flags,
} from '../helpers/cluster.js'

const RECIPES: Readonly<Record<string, Flags>> = {
  'muon, cosine, smoothing and clipping': {
    'train.optimizer': 'muon',
    'train.lrMinRatio': 0.1,
    'train.labelSmoothing': 0.2,
    'train.clipNorm': 0.5,
  },
  // Stopped between two moves: the checkpoint of step 5 holds what was gathered in steps 4 and 5.
  'gradients of three steps as one': { 'train.moveEvery': 3 },
  'depth curriculum and supervision weights': {
    'model.hCycles': 3,
    'model.lCycles': 3,
    'train.curriculum': 'depth',
    'train.supervisionDecay': 0.7,
  },
}

for (const [name, recipe] of Object.entries(RECIPES))
  test(
    `${name}: stopped and resumed, the bits are those of an uninterrupted run`,
    { skip: withoutNats, timeout: 120_000 },
    async (t) => {
      const { url } = await natsFor(t)
      const flags = { ...recipe, 'reduce.wire': 'f32', 'run.dir': temporaryFolder(t), 'train.steps': 12 }
      const run = { ...flags, 'run.id': 'r', 'checkpoint.everySteps': 5 }
      const { folder } = await train(t, url, 2, run)
      const losses = [...lossesOf(folder)]
      const { hashes } = contentsOf(folder, 12)
      assert.equal(losses.length, 12)
      // As if it had been stopped after step 5: what came later is gone (step 10, or the next one if step 5 was still being written then).
      for (const later of checkpointsOf(folder).filter((name) => name > 'step-00000005'))
        rmSync(join(folder, later), { recursive: true })
      const { said } = await train(t, url, 2, run)
      assert.match(said, /resuming from step 5/)
      assert.deepEqual([...lossesOf(folder)], losses)
      assert.deepEqual(contentsOf(folder, 12).hashes, hashes)
    },
  )
