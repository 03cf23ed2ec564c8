// Any process may die at any time. Workers and the coordinator run as processes here, and die by kill -9.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  asArguments,
  checkpointsOf,
  configOf,
  contentsOf,
  coordinate,
  journalOf,
  lastStep,
  lossesOf,
  natsFor,
  SMALL,
  temporaryFolder,
  train,
  trmesh,
  until,
  withoutNats,
  workerProcess,
  work,
  type Flags,
} from '../helpers/cluster.js'

const skip = withoutNats

/** A run of one worker that nothing happens to. */
async function undisturbed(t: TestContext, url: string, flags: Flags) {
  const { folder } = await train(t, url, 1, { ...flags, 'run.id': 'undisturbed' })
  return { folder, slots: contentsOf(folder, Number(flags['train.steps'])).slots, losses: lossesOf(folder) }
}

test(
  'kill -9 of a worker in a step, a join and a polite leave: the rest go on, in the same order of data',
  { skip, timeout: 90_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const flags = { 'run.dir': dir, 'train.steps': 300, 'reduce.wire': 'f32' }
    const calm = await undisturbed(t, url, flags)
    const config = configOf({
      ...flags,
      'run.id': 'r',
      'bus.url': url,
      'cluster.minWorkers': 1,
      'cluster.deadAfterMs': 600,
    })
    const folder = join(dir, 'r')
    const victim = workerProcess(t, url, 'r', 'victim')
    const coordinator = coordinate(t, config)
    await until('the victim to train alone', () => lastStep(folder) >= 5)
    const survivor = work(t, url, 'r', 'survivor')
    await until('both to train', () => journalOf(folder).at(-1)?.workers === 2)
    victim.kill('SIGKILL')
    const died = performance.now()
    await until('its death to be noticed', () => coordinator.out.text.includes('victim died: nothing heard'))
    t.diagnostic(`a killed worker was noticed after ${Math.round(performance.now() - died)} ms (deadAfterMs 600)`)
    const at = lastStep(folder)
    await until('the survivor to go on', () => lastStep(folder) > at + 5)
    const late = workerProcess(t, url, 'r', 'late')
    await until('the newcomer to train', () => journalOf(folder).at(-1)?.workers === 2)
    late.kill('SIGTERM')
    assert.equal(await late.ended, 0)
    await coordinator.done
    await survivor.done
    assert.match(coordinator.out.text, /late left: asked to stop/)
    assert.equal(lastStep(folder), 300)
    assert.deepEqual(
      [...lossesOf(folder).keys()],
      Array.from({ length: 300 }, (_, i) => i + 1),
    )
    // Which examples a slot got is a matter of its own history; lost carries change when it halts, never what comes next.
    const [ours, calmOnes] = [contentsOf(folder, 300).slots, calm.slots] as { next: number; draw: number }[][]
    assert.equal(ours!.length, calmOnes!.length)
    for (const { draw, next } of ours!) assert.ok(next === draw + 1, `after example ${draw} comes ${next}`)
  },
)

test(
  'kill -9 over a checkpoint and in the evaluation: both are done by those who are left',
  { skip, timeout: 90_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const flags = {
      ...{ 'run.dir': dir, 'run.id': 'r', 'train.steps': 400, 'checkpoint.everySteps': 20, 'cluster.minWorkers': 1 },
      ...{ 'evaluate.augmentations': 3, 'evaluate.maxPairs': 0, 'evaluate.batch': 1, 'cluster.deadAfterMs': 600 },
    }
    const folder = join(dir, 'r')
    const crew = [work(t, url, 'r', 'survivor')]
    const victims = [workerProcess(t, url, 'r', 'first'), workerProcess(t, url, 'r', 'second')]
    const coordinator = coordinate(t, configOf({ ...flags, 'bus.url': url }))
    await until('all three to train', () => journalOf(folder).at(-1)?.workers === 3)
    const known = coordinator.out.lines.length
    await until('a checkpoint to begin', () =>
      coordinator.out.lines.slice(known).some((line) => /checkpoint of step \d+$/.test(line)),
    )
    victims[0]!.kill('SIGKILL')
    await until('the evaluation', () => coordinator.out.text.includes('evaluating: '), 40_000)
    victims[1]!.kill('SIGKILL')
    await coordinator.done
    await Promise.all(crew.map(({ done }) => done))
    assert.match(coordinator.out.text, /finished at step 400 of 400/)
    assert.ok(
      journalOf(folder).some(({ evaluation }) => evaluation === 400),
      'evaluated',
    )
    assert.ok(checkpointsOf(folder).includes('step-00000400'))
  },
)

test(
  'kill -9 of the coordinator: a new one resumes from the checkpoint, and the workers come back by themselves',
  { skip, timeout: 90_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const flags: Flags = {
      ...SMALL,
      ...{ 'run.dir': dir, 'run.id': 'r', 'train.steps': 120, 'checkpoint.everySteps': 10, 'cluster.minWorkers': 2 },
      ...{ 'bus.url': url, 'reduce.wire': 'f32', 'cluster.deadAfterMs': 1500 },
    }
    const folder = join(dir, 'r')
    const first = trmesh(t, ['coordinator', ...asArguments(flags)])
    await until('the first to lead', () => first.said().includes('waiting for 2 workers'))
    const second = trmesh(t, ['coordinator', ...asArguments(flags)])
    assert.equal(await second.ended, 2)
    assert.match(second.said(), /run r already has a coordinator/)
    const crew = [work(t, url, 'r', 'a'), work(t, url, 'r', 'b')]
    await until(
      () => `step 25; it said ${first.said()}`,
      () => lastStep(folder) >= 25 && checkpointsOf(folder).length > 0,
    )
    first.kill('SIGKILL')
    await first.ended
    const third = trmesh(t, ['coordinator', ...asArguments(flags)])
    assert.equal(await third.ended, 0, third.said())
    assert.match(third.said(), /resuming from step [1-9]\d+:/)
    await Promise.all(crew.map(({ done }) => done))
    assert.match(crew[0]!.out.text, /starts again: another coordinator leads the run/)
    const whole = await train(t, url, 2, { ...flags, 'run.id': 'whole' })
    assert.deepEqual([...lossesOf(folder)], [...lossesOf(whole.folder)])
    assert.deepEqual(contentsOf(folder, 120), contentsOf(whole.folder, 120))
  },
)

test(
  'kill -9 of nats-server: restarted on its port, the run goes on where it was',
  { skip, timeout: 90_000 },
  async (t) => {
    const nats = await natsFor(t)
    const { url } = nats
    const dir = temporaryFolder(t)
    const flags = { 'run.dir': dir, 'run.id': 'r', 'train.steps': 60, 'cluster.minWorkers': 2, 'reduce.wire': 'f32' }
    const folder = join(dir, 'r')
    const crew = [work(t, url, 'r', 'a'), work(t, url, 'r', 'b')]
    const coordinator = coordinate(t, configOf({ ...flags, 'bus.url': url, 'cluster.deadAfterMs': 1500 }))
    await until('step 20', () => lastStep(folder) >= 20)
    process.kill(nats.pid, 'SIGKILL')
    await nats.ended
    await until('the loss to be told', () => coordinator.out.text.includes('is gone; waiting for it'))
    // Longer than a silent worker lives: nobody may be declared dead for the server's silence.
    await new Promise((resolve) => setTimeout(resolve, 2000))
    await natsFor(t, Number(new URL(url).port))
    await coordinator.done
    await Promise.all(crew.map(({ done }) => done))
    assert.match(coordinator.out.text, /finished at step 60 of 60/)
    const [, after = ''] = coordinator.out.text.split('is gone; waiting for it')
    assert.doesNotMatch(after, /going back|died/)
    const whole = await train(t, (await natsFor(t)).url, 2, { ...flags, 'run.id': 'whole' })
    assert.deepEqual([...lossesOf(folder)], [...lossesOf(whole.folder)])
    assert.deepEqual(contentsOf(folder, 60), contentsOf(whole.folder, 60))
  },
)
