// Local steps (DiLoCo) on a real bus: a round of steps is committed or never happened, whoever dies in it, and a run that is
// stopped goes on with the same bits.
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
  work,
  workerProcess,
} from '../helpers/cluster.js'

const skip = withoutNats
const LOCAL = { 'reduce.localSteps': 4, 'evaluate.maxPairs': 1, 'evaluate.augmentations': 0 }

test(
  'stopped after 12 of 24 steps and resumed, also by way of the other topology: the same bits as without',
  { skip, timeout: 180_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const flags = { ...LOCAL, 'run.dir': temporaryFolder(t) }
    const whole = await train(t, url, 2, { ...flags, 'run.id': 'whole', 'train.steps': 24 })
    await train(t, url, 2, { ...flags, 'run.id': 'parts', 'train.steps': 12 })
    const resumed = { ...flags, 'run.id': 'parts', 'train.steps': 24, 'reduce.topology': 'star' }
    const { folder, said } = await train(t, url, 2, resumed)
    assert.match(said, /resuming from step 12/)
    assert.equal(lossesOf(folder).size, 24, 'every step is told, not only every round')
    assert.deepEqual([...lossesOf(folder)], [...lossesOf(whole.folder)])
    assert.deepEqual(contentsOf(folder, 24), contentsOf(whole.folder, 24))
    const { hashes } = contentsOf(folder, 24)
    assert.notEqual(hashes['local'], undefined, 'moments of the second worker and momentum are saved')
  },
)

test(
  'kill -9 in the middle of a round: it is replayed by who is left, and no step is missing or done twice',
  { skip, timeout: 180_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const flags = { ...LOCAL, 'run.dir': dir, 'run.id': 'r', 'train.steps': 200, 'cluster.minWorkers': 1 }
    const folder = join(dir, 'r')
    const victim = workerProcess(t, url, 'r', 'victim')
    const coordinator = coordinate(t, configOf({ ...flags, 'bus.url': url, 'cluster.deadAfterMs': 600 }))
    await until('the victim to train alone', () => lastStep(folder) >= 8, 90_000)
    const survivor = work(t, url, 'r', 'survivor')
    await until('both to train', () => journalOf(folder).at(-1)?.workers === 2, 90_000)
    victim.kill('SIGKILL')
    await coordinator.done
    await survivor.done
    assert.match(coordinator.out.text, /victim died/)
    assert.match(coordinator.out.text, /step (\d+) is replayed \(member-died\)/)
    const steps = journalOf(folder).flatMap(({ step, loss }) => (loss === undefined ? [] : [step]))
    assert.deepEqual(
      steps,
      Array.from({ length: 200 }, (_, i) => i + 1),
    )
    for (const { draw, next } of contentsOf(folder, 200).slots as { draw: number; next: number }[])
      assert.ok(next === draw + 1, `after example ${draw} comes ${next}`)
  },
)
