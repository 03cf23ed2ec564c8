// `trmesh study` as a user runs it, on a small checkpoint: every study answers, writes its files, and is in the report; what it
// cannot do it says in one line.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseStudy, type StudyRecord } from '../../coordinator/study/record.js'
import { natsFor, temporaryFolder, train, trmesh, withoutNats } from '../helpers/cluster.js'

const options = { skip: withoutNats, timeout: 300_000 }
const MACHINE = ['--workers', '1', '--backend', 'wasm', '--threads', '1', '--resamples', '100', '--seed', '3']

test('studies of a small checkpoint', options, async (t) => {
  const { url } = await natsFor(t)
  const dir = temporaryFolder(t)
  const { folder } = await train(t, url, 1, {
    'run.dir': dir,
    'run.id': 's',
    'train.steps': 3,
    'model.hCycles': 2,
    'evaluate.maxPairs': 0,
  })
  const study = async (name: string, ...more: string[]): Promise<{ record: StudyRecord; said: string }> => {
    const program = trmesh(t, ['study', name, '--checkpoint', folder, '--nats', url, ...MACHINE, ...more])
    assert.equal(await program.ended, 0, program.said())
    const file = join(folder, `study-${name}`, 'study.json')
    const record = parseStudy(readFileSync(file, 'utf8'), file)
    for (const other of ['study.csv', 'picture-1.svg']) assert.ok(existsSync(join(folder, `study-${name}`, other)))
    assert.equal(record.study, name)
    assert.equal(record.step, 3)
    assert.equal(record.seed, 3)
    assert.equal(record.workers[0]?.backend, 'wasm')
    assert.match(program.said(), /measured here/)
    assert.match(program.said(), /reported by/)
    return { record, said: program.said() }
  }

  await t.test('voting', async () => {
    const { record, said } = await study('voting')
    const rows = record.findings.tables[0]!.rows
    assert.deepEqual(
      rows.map(({ what }) => what),
      ['the original alone, one pass', '1 vote, any copy', '2 votes', '5 votes, all'],
    )
    assert.equal(rows.at(-1)!.reported[0]!.figure, '40.00 % pass@1')
    assert.match(said, /evaluating: /)
  })

  await t.test('identity', async () => {
    const { record } = await study('identity', '--max-pairs', '4')
    const [table] = record.findings.tables
    assert.deepEqual(
      table!.rows.map(({ measured }) => measured[1] === null),
      [false, false, false, true],
      'the published script had no mean',
    )
    assert.equal(table!.rows[1]!.measured[1]!.value, 0, 'blank rows are dropped')
  })

  await t.test('recursion', async () => {
    const { record } = await study('recursion', '--augmentations', '0')
    const [steps, cycles] = record.findings.tables
    assert.equal(steps!.rows.length, 3)
    assert.equal(cycles!.rows.length, 6)
    assert.deepEqual(cycles!.rows.at(-1)!.measured, steps!.rows.at(-1)!.measured, 'the last cycle is the last step')
  })

  await t.test('testtime', async () => {
    const { record } = await study('testtime', '--rollouts', '3', '--augmentations', '2', '--sigma', '0.5')
    const [rollouts, copies] = record.findings.tables
    assert.deepEqual(
      rollouts!.rows.map(({ what }) => what),
      ['the question as it is, one pass without noise', '1 rollout, with noise', '2 rollouts', '3 rollouts'],
    )
    assert.equal(copies!.rows.at(-1)!.what, '3 copies')
    assert.equal(copies!.rows.at(-1)!.measured[4]!.value, 9, 'three copies of three steps')
  })

  await t.test('efficiency', async () => {
    const { record } = await study('efficiency', '--batches', '4')
    const [batch32, batch1, training] = record.findings.tables[0]!.rows
    assert.match(batch32!.what, /answering, batch 32, 1 worker/)
    assert.match(batch1!.what, /answering, batch 1, 1 worker/)
    assert.match(training!.what, /training/)
    for (const row of [batch32, batch1]) assert.ok(row!.measured[0]!.value > 0)
  })

  await t.test('augmentation trains two runs, and goes on with them when asked again', async () => {
    const { record, said } = await study('augmentation', '--augmentations', '2', '--steps', '2')
    assert.equal(record.findings.tables[0]!.rows.length, 2)
    assert.match(said, /training with 0 augmentations, 2 steps/)
    assert.match(said, /training with 2 augmentations, 2 steps/)
    const again = await study('augmentation', '--augmentations', '2', '--steps', '2')
    assert.match(again.said, /steps were done before/)
    assert.deepEqual(again.record.findings, record.findings)
  })

  await t.test('all of them are in the report', async () => {
    const program = trmesh(t, ['report', folder])
    assert.equal(await program.ended, 0, program.said())
    const page = readFileSync(join(folder, 'report.html'), 'utf8')
    for (const name of ['voting', 'identity', 'recursion', 'testtime', 'augmentation', 'efficiency'])
      assert.match(page, new RegExp(`Study: ${name}`))
  })

  await t.test('what cannot be studied is said in one line', async () => {
    const says = async (args: string[], status: number, words: RegExp): Promise<void> => {
      const program = trmesh(t, ['study', ...args])
      assert.equal(await program.ended, status, program.said())
      assert.match(program.said(), words)
      assert.doesNotMatch(program.said(), /\n\s+at .*:\d+:\d+/)
    }
    await says([], 0, /voting {2,}What do N votes add/)
    await says(['vote'], 2, /there is no study vote\n {2}-> choose one of voting/)
    await says(['voting'], 2, /voting needs a checkpoint\n {2}-> give --checkpoint/)
    await says(['voting', '--checkpoint', dir], 6, /is no checkpoint/)
    await says(['voting', '--checkpoint', folder, '--augmentations', '0'], 2, /too few votes/)
  })
})
