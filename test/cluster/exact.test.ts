// reduce.mode exact: the same bits for any number of workers, and whoever joins, leaves or is killed on the way.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  configOf,
  contentsOf,
  coordinate,
  journalOf,
  lastStep,
  lossesOf,
  natsFor,
  temporaryFolder,
  train,
  until,
  withoutNats,
  workerProcess,
  work,
} from '../helpers/cluster.js'

const skip = withoutNats
const STEPS = 40
const LONG = 300

/** Everything that must not depend on the workers. */
const outcome = (folder: string, step = STEPS) => ({ losses: [...lossesOf(folder)], ...contentsOf(folder, step) })

const EXACT = {
  'train.steps': STEPS,
  'train.slots': 10,
  'model.haltMaxSteps': 5,
  'reduce.mode': 'exact',
  // Five groups, a number of no power of two: subtrees of one, two and four of them.
  'reduce.group': 2,
  'reduce.bucketBytes': 4096,
}

for (const wire of ['bf16', 'f32'] as const)
  test(
    `exact, ${wire}: one, two, three and five workers, sharded and star, end with the same bits`,
    { skip, timeout: 120_000 },
    async (t) => {
      const { url } = await natsFor(t)
      const flags = { ...EXACT, 'run.dir': temporaryFolder(t), 'reduce.wire': wire }
      const { folder } = await train(t, url, 1, { ...flags, 'run.id': 'one' })
      const alone = outcome(folder)
      assert.equal(alone.losses.length, STEPS)
      for (const [workers, topology] of [
        [2, 'sharded'],
        [3, 'star'],
        [5, 'sharded'],
      ] as const) {
        const run = { ...flags, 'run.id': `of-${workers}`, 'reduce.topology': topology }
        const { folder } = await train(t, url, workers, run)
        assert.deepEqual(outcome(folder), alone, `${workers} workers, ${topology}`)
      }
    },
  )

for (const [what, own] of [
  ['', {}],
  ['trimmed, ', { 'model.trim': 4 }],
  // The checkpoint of step 10, which the rewind goes back to, lies between two moves; so, mostly, do the joins.
  ['the gradients of seven steps as one, ', { 'train.moveEvery': 7 }],
] as const)
  test(
    `exact: ${what}a worker that joins midway takes over carries, one that is killed costs a rewind, and neither changes a bit`,
    { skip, timeout: 120_000 },
    async (t) => {
      const { url } = await natsFor(t)
      const often = { 'checkpoint.everySteps': 10, 'cluster.deadAfterMs': 700 }
      const flags = { ...EXACT, ...own, ...often, 'train.steps': LONG, 'run.dir': temporaryFolder(t) }
      const { folder: calm } = await train(t, url, 1, { ...flags, 'run.id': 'calm' })
      const config = configOf({ ...flags, 'run.id': 'r', 'bus.url': url })
      const folder = join(config.run.dir, 'r')
      const first = work(t, url, 'r', 'first')
      const coordinator = coordinate(t, config)
      await until('the first to train alone', () => lastStep(folder) >= 3)
      const victim = workerProcess(t, url, 'r', 'victim')
      await until('both to train', () => journalOf(folder).at(-1)?.workers === 2)
      victim.kill('SIGKILL')
      await until('the rewind', () => coordinator.out.text.includes('exact: the carries of step'))
      const third = work(t, url, 'r', 'third')
      await Promise.all([coordinator, first, third].map(({ done }) => done))
      const teams = journalOf(folder).map(({ workers }) => workers)
      const changes = teams.filter((size, i) => size !== teams[i - 1])
      t.diagnostic(`workers of ${teams.length} steps: ${changes.join(', then ')}`)
      assert.ok(teams.length > LONG, 'steps were done twice')
      assert.ok(teams.includes(2) && teams.includes(1), 'the team changed on the way')
      assert.deepEqual(outcome(folder, LONG), outcome(calm, LONG))
    },
  )
