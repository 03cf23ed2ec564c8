// A coordinator that was stopped past its lease and taken over from (real processes, SIGSTOP and SIGCONT): when it wakes up it
// says so in one line and ends. It changes nothing, and the run has the bits of one to which nothing happened.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  asArguments,
  contentsOf,
  lastStep,
  lossesOf,
  natsFor,
  SMALL,
  temporaryFolder,
  train,
  trmesh,
  until,
  withoutNats,
  work,
  type Flags,
  type Process,
} from '../helpers/cluster.js'

const STEPS = 130

/** Names, times and contents of all files below. */
function everythingIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .flatMap((name) => {
      const path = join(folder, name)
      const { mtimeMs } = statSync(path)
      return statSync(path).isFile() ? [`${name} ${mtimeMs} ${readFileSync(path).toString('base64')}`] : []
    })
}

/** It ends by itself, in words. */
async function fenced(t: TestContext, stale: Process): Promise<void> {
  const before = stale.said()
  stale.kill('SIGCONT')
  const woken = performance.now()
  assert.equal(await stale.ended, 2, stale.said())
  t.diagnostic(`woken, it had ended after ${Math.round(performance.now() - woken)} ms`)
  const lines = stale.said().slice(before.length).trim().split('\n')
  // The live line, as it was, is left behind at the end.
  const [line = '', remedy = '', ...more] = lines.filter((line) => !line.startsWith('step '))
  assert.match(line, /run r at \S+ is led by (another coordinator|coordinator c-\w+), which took over/)
  assert.match(remedy, /-> nothing is lost/)
  assert.deepEqual(more, [])
}

const untilSaved = (coordinator: Process, step: number): Promise<void> =>
  until(
    () => `the checkpoint of step ${step}; it said ${coordinator.said()}`,
    () => coordinator.said().includes(`checkpoint of step ${step}: `),
    60_000,
  )

test(
  'a coordinator at another server that takes the same folder: the one before finds out by itself and stops',
  { skip: withoutNats, timeout: 60_000 },
  async (t) => {
    const dir = temporaryFolder(t)
    const lead = async (): Promise<{ url: string; coordinator: Process }> => {
      const { url } = await natsFor(t)
      const flags: Flags = {
        'run.dir': dir,
        'run.id': 'r',
        'train.steps': STEPS,
        'checkpoint.everySteps': 10,
        'bus.url': url,
      }
      return {
        url,
        coordinator: trmesh(t, ['coordinator', ...asArguments({ ...SMALL, ...flags, 'cluster.minWorkers': 1 })]),
      }
    }
    const first = await lead()
    const left = work(t, first.url, 'r', 'left')
    await until('step 15', () => lastStep(join(dir, 'r')) >= 15)
    const second = await lead()
    assert.equal(await first.coordinator.ended, 2, first.coordinator.said())
    assert.match(
      first.coordinator.said(),
      /is led by another coordinator, which took over while this one was not heard/,
    )
    left.stop()
    const worker = work(t, second.url, 'r', 'w')
    assert.equal(await second.coordinator.ended, 0, second.coordinator.said())
    await worker.done
    assert.deepEqual(
      [...lossesOf(join(dir, 'r')).keys()],
      Array.from({ length: STEPS }, (_, i) => i + 1),
    )
  },
)

for (const topology of ['sharded', 'star'] as const)
  test(
    `${topology}: a stopped coordinator is taken over from, and stops when it wakes up, changing nothing`,
    { skip: withoutNats, timeout: 180_000 },
    async (t) => {
      const { url } = await natsFor(t)
      const dir = temporaryFolder(t)
      const flags: Flags = {
        ...{ 'run.dir': dir, 'run.id': 'r', 'train.steps': STEPS, 'checkpoint.everySteps': 20, 'bus.url': url },
        ...{ 'cluster.minWorkers': 2, 'reduce.wire': 'f32', 'reduce.topology': topology },
      }
      const folder = join(dir, 'r')
      const lead = (): Process => trmesh(t, ['coordinator', ...asArguments({ ...SMALL, ...flags })])
      const asleep = lead()
      const crew = [work(t, url, 'r', 'a'), work(t, url, 'r', 'b')]
      // Between two checkpoints: what was written before it slept would rightly be told when it wakes up.
      await untilSaved(asleep, 20)
      asleep.kill('SIGSTOP')

      // Taken over twice: one of the two wakes up while its successor leads, the other when the run is over.
      const began = performance.now()
      const second = lead()
      await until(
        () => `the second to train; it said ${second.said()}`,
        () => /epoch \d+: 2 workers are here/.test(second.said()) && lastStep(folder) >= 30,
        60_000,
      )
      t.diagnostic(
        `started, the second had resumed and was at step 30 after ${Math.round(performance.now() - began)} ms`,
      )
      await fenced(t, asleep)
      const saved = Math.ceil((lastStep(folder) + 1) / 20) * 20
      await untilSaved(second, saved)
      assert.ok(saved < STEPS)
      second.kill('SIGSTOP')
      const third = lead()
      assert.equal(await third.ended, 0, third.said())
      await Promise.all(crew.map(({ done }) => done))
      const before = everythingIn(dir)
      await fenced(t, second)
      assert.deepEqual(everythingIn(dir), before)

      const whole = await train(t, url, 2, { ...flags, 'run.id': 'whole' })
      assert.deepEqual([...lossesOf(folder)], [...lossesOf(whole.folder)])
      assert.deepEqual(contentsOf(folder, STEPS), contentsOf(whole.folder, STEPS))
    },
  )
