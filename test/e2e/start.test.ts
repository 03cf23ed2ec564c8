// `npm start` as a user runs it, made short by flags: it trains and shows a result, Ctrl-C saves, a second start resumes, two
// Ctrl-C end it at once, and nothing is left behind.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  asArguments,
  checkpointsOf,
  lastStep,
  SMALL,
  temporaryFolder,
  trmesh,
  until,
  withoutNats,
  type Flags,
  type Process,
} from '../helpers/cluster.js'

const reason = process.platform === 'linux' ? withoutNats : 'it looks at processes in /proc'
const options = { skip: reason, timeout: 120_000 }

/** Process numbers of all children and theirs. */
function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const]
      } catch {
        return [] // it ended meanwhile
      }
    })
  const below = (parent: number): number[] =>
    parents.filter(([, of]) => of === parent).flatMap(([child]) => [child, ...below(child)])
  return below(pid)
}

function lives(pid: number): boolean {
  try {
    // A zombie is no process any more.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

const start = (t: TestContext, flags: Flags, ...more: string[]): Process =>
  trmesh(t, ['start', '--workers', '2', '--backend', 'wasm', ...asArguments({ ...SMALL, ...flags }), ...more])

test('start trains, evaluates and ends with a table; a stop saves; started again it resumes', options, async (t) => {
  const dir = temporaryFolder(t)
  const folder = join(dir, 'e2e')
  const flags = { 'run.id': 'e2e', 'run.dir': dir, 'train.steps': 100_000 }
  const first = start(t, flags)
  await until(
    () => `step 10; it said:\n${first.said()}`,
    () => lastStep(folder) >= 10,
    60_000,
  )
  const children = descendants(first.pid)
  assert.ok(children.length >= 3, 'nats-server and two workers')
  first.kill('SIGINT')
  assert.equal(await first.ended, 0, first.said())
  assert.match(first.said(), /stopping; once more to stop at once/)
  assert.match(first.said(), /stopped at step \d+ of 100000/)
  assert.match(first.said(), /start again to resume/)
  assert.doesNotMatch(first.said(), /\n\s+at .*:\d+:\d+/)
  assert.deepEqual(children.filter(lives), [], 'nothing stays behind')
  const [saved] = checkpointsOf(folder)
  assert.ok(saved !== undefined, 'a checkpoint of where it stopped')
  const step = Number(saved.slice('step-'.length))

  const second = start(t, { ...flags, 'train.steps': step + 5 })
  assert.equal(await second.ended, 0, second.said())
  assert.match(second.said(), new RegExp(`resuming from step ${step}`))
  assert.match(second.said(), new RegExp(`finished at step ${step + 5}`))
  for (const words of [/data: /, /backend wasm/, /evaluation after step/, /checkpoint: .*step-/, /measured here/])
    assert.match(second.said(), words)

  const done = start(t, { ...flags, 'train.steps': step + 5 })
  assert.equal(await done.ended, 0, done.said())
  assert.match(done.said(), /steps were done before/)

  const fresh = start(t, { ...flags, 'train.steps': 3 }, '--fresh')
  assert.equal(await fresh.ended, 0, fresh.said())
  assert.match(fresh.said(), /--fresh: \d older checkpoints of this run are gone/)
  assert.deepEqual(checkpointsOf(folder), ['step-00000003'])
})

test('nats-server dies under start: it is started again on its port, and the run goes on', options, async (t) => {
  const dir = temporaryFolder(t)
  const run = start(t, { 'run.id': 'kept', 'run.dir': dir, 'train.steps': 60 })
  await until(
    () => `step 10; it said:\n${run.said()}`,
    () => lastStep(join(dir, 'kept')) >= 10,
    60_000,
  )
  const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0] ?? ''
  const server = descendants(run.pid).find((pid) => commandOf(pid).endsWith('nats-server'))
  process.kill(server ?? NaN, 'SIGKILL')
  assert.equal(await run.ended, 0, run.said())
  assert.match(run.said(), /nats-server was killed, log in \S+; starting it again at nats:/)
  assert.match(run.said(), /finished at step 60 of 60/)
  assert.doesNotMatch(run.said(), /going back|died/)
})

test('a second Ctrl-C ends at once, a kill -9 ends workers and server too', options, async (t) => {
  const dir = temporaryFolder(t)
  for (const how of ['twice', 'kill'] as const) {
    const run = start(t, { 'run.id': how, 'run.dir': dir, 'train.steps': 100_000, 'train.slots': 64 })
    await until(
      () => `step 3; it said:\n${run.said()}`,
      () => lastStep(join(dir, how)) >= 3,
      60_000,
    )
    const children = descendants(run.pid)
    assert.ok(children.length >= 3)
    if (how === 'twice') {
      run.kill('SIGINT')
      await until('the first to be heard', () => run.said().includes('once more to stop at once'))
      run.kill('SIGINT')
      const status = await run.ended
      // It may have been done with stopping before the second came.
      assert.ok(status === 130 || status === 0, String(status))
      await until('all to be gone', () => children.every((pid) => !lives(pid)), 3000)
    } else {
      run.kill('SIGKILL')
      await run.ended
      await until('all to be gone', () => children.every((pid) => !lives(pid)), 10_000)
    }
  }
})
