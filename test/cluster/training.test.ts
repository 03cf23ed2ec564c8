// Training over a real bus: what the number of workers and the topology may change, and what they may not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentsOf, lossesOf, natsFor, temporaryFolder, train, withoutNats } from '../helpers/cluster.js'

const skip = withoutNats

test(
  'one, two and four workers see the same examples and agree on the losses; equal runs have equal bits',
  { skip, timeout: 90_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const flags = { 'run.dir': dir, 'train.steps': 50, 'reduce.wire': 'f32', 'reduce.bucketBytes': 4096 }
    const runs = []
    for (const [run, workers, topology] of [
      ['one', 1, 'sharded'],
      ['two', 2, 'sharded'],
      ['again', 2, 'sharded'],
      ['star', 2, 'star'],
      ['four', 4, 'sharded'],
    ] as const) {
      const { folder, said } = await train(t, url, workers, { ...flags, 'run.id': run, 'reduce.topology': topology })
      assert.match(said, /finished at step 50 of 50/)
      runs.push({ run, losses: [...lossesOf(folder).values()], ...contentsOf(folder, 50) })
    }
    const [one, two, again, star, four] = runs as [
      (typeof runs)[0],
      (typeof runs)[0],
      (typeof runs)[0],
      (typeof runs)[0],
      (typeof runs)[0],
    ]
    for (const other of [two, four]) {
      assert.deepEqual(other.slots, one.slots, `${other.run}: the slots drew other examples`)
      assert.equal(other.losses.length, 50)
      other.losses.forEach((loss, i) =>
        assert.ok(
          Math.abs(loss - one.losses[i]!) <= 2e-3 * Math.abs(loss),
          `step ${i + 1}: ${loss} and ${one.losses[i]}`,
        ),
      )
    }
    for (const other of [again, star]) {
      assert.deepEqual(other.losses, two.losses, `${other.run}: losses`)
      assert.deepEqual(other.hashes, two.hashes, `${other.run}: checkpoint`)
    }
  },
)
