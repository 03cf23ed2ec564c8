// Adding tasks to a trained model, piece by piece: when the dense weights thaw, what new rows begin with, which settings differ.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { MeanRow } from '../../coordinator/base.js'
import { openAskedTasks, openExampleSource } from '../../coordinator/data/open.js'
import { DenseFreeze } from '../../coordinator/dense-freeze.js'
import { PuzzleTable } from '../../coordinator/puzzle-table.js'
import { adaptedSettings } from '../../shared/config/adapted.js'
import { compileConfig, printConfig } from '../../shared/config/compile.js'
import { identityOf } from '../../shared/config/identity.js'
import { millis, stepOf } from '../../shared/ids.js'

test('the dense weights thaw after their part of the steps, whatever the clock says', () => {
  const freeze = new DenseFreeze({ freezeDense: 0.25, steps: 10, minutes: 0 }, () => millis(1e9), undefined)
  const frozen = Array.from({ length: 10 }, (_, i) => freeze.frozen(stepOf(i + 1)))
  assert.deepEqual(frozen, [true, true, ...new Array<boolean>(8).fill(false)])
  assert.equal(freeze.thawed, 3)
  assert.ok(!new DenseFreeze({ freezeDense: 0, steps: 10, minutes: 0 }, () => millis(0), undefined).frozen(stepOf(1)))
  const whole = new DenseFreeze({ freezeDense: 1, steps: 10, minutes: 0 }, () => millis(0), undefined)
  assert.ok(whole.frozen(stepOf(10)))
})

test('with minutes the clock thaws them sooner; the checkpoint keeps the step, also when steps go back to it', () => {
  let now = 0
  const train = { freezeDense: 0.5, steps: 1000, minutes: 2 }
  const freeze = new DenseFreeze(train, () => millis(now), undefined)
  assert.ok(freeze.frozen(stepOf(1)))
  now = 59_999
  assert.ok(freeze.frozen(stepOf(2)))
  assert.equal(freeze.thawed, undefined)
  now = 60_000
  assert.ok(!freeze.frozen(stepOf(3)))
  assert.ok(!freeze.frozen(stepOf(4)))
  const resumed = new DenseFreeze(train, () => millis(0), freeze.thawed)
  assert.ok(!resumed.frozen(stepOf(5)))
  // The clock of a resumed process begins anew; before the thaw it is frozen for its part again.
  assert.ok(new DenseFreeze(train, () => millis(1e7), undefined).frozen(stepOf(3)))
})

test('an untrained row is as row 0, and begins to learn from there', () => {
  const table = new PuzzleTable(6, 2)
  assert.deepEqual([...table.row(4)], [0, 0])
  table.restore(Int32Array.of(0), Float32Array.of(3, -5))
  assert.deepEqual([...table.row(4)], [3, -5])
  table.apply([4], Float32Array.of(1, -1), 0.5, 0)
  assert.deepEqual([...table.row(4)], [2.5, -4.5])
  assert.deepEqual([...table.row(5)], [3, -5])
  assert.deepEqual([...table.freeze().ids], [0, 4])
})

test('the mean row is that of the puzzles, without row 0', () => {
  const mean = new MeanRow(2)
  assert.equal(mean.value, undefined)
  mean.add(Int32Array.of(0, 1), Float32Array.of(100, 100, 1, 2))
  mean.add(Int32Array.of(7), Float32Array.of(2, 4))
  assert.deepEqual([...mean.value!], [1.5, 3])
})

test('an adapted run keeps the network, and its identity the form it had', () => {
  const own = compileConfig({ preset: 'arc1', env: {}, flags: { 'train.slots': '64' } })
  assert.ok(!('firstPuzzle' in identityOf(own).data) && !('freezeDense' in identityOf(own).train))
  const settings = adaptedSettings(JSON.parse(printConfig(own)) as Record<string, unknown>, {
    run: { id: 'new', dir: '/runs' },
    source: '/challenges.json',
    firstPuzzle: 876_406,
    minutes: 3,
  })
  const adapted = compileConfig({
    preset: 'tiny',
    file: { path: 'x', text: JSON.stringify(settings) },
    env: {},
    flags: {},
  })
  assert.deepEqual(adapted.model, own.model)
  assert.deepEqual(adapted.data, { ...own.data, source: '/challenges.json', firstPuzzle: 876_406, sampler: 'slots' })
  const { steps, minutes, freezeDense, warmupSteps, emaRate, ...rest } = adapted.train
  assert.deepEqual([steps, minutes, freezeDense, warmupSteps, emaRate], [12_500, 3, 0.25, 50, 0.99])
  for (const [key, value] of Object.entries(rest)) assert.equal(value, own.train[key as keyof typeof own.train], key)
  assert.equal(identityOf(adapted).data.firstPuzzle, 876_406)
  assert.throws(
    () => compileConfig({ preset: 'maze', env: {}, flags: { 'data.firstPuzzle': '5' } }),
    /data\.firstPuzzle \(5\) must be 1/,
  )
})

test('one file of challenges is data: numbered behind the known, answers from the file beside it, in its order', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const task = (colour: number): object => ({
    train: [{ input: [[colour]], output: [[colour, colour]] }],
    test: [{ input: [[0, colour]] }],
  })
  const source = join(folder, 'a_challenges.json')
  writeFileSync(source, JSON.stringify({ b: task(1), a: task(2) }))
  const flags = { 'data.source': source, 'data.firstPuzzle': '50', 'data.augmentations': '3' }
  const { data } = compileConfig({ preset: 'tiny', env: {}, flags })
  const opened = await openExampleSource(data, 0, 4, { cacheDir: folder, threads: 0 })
  assert.equal(opened.numPuzzles, 50 + 8)
  assert.deepEqual(
    Array.from({ length: opened.evaluation.rows }, (_, i) => opened.evaluation.row(i).puzzle),
    [50, 51, 52, 53, 54, 55, 56, 57],
  )
  for (let draw = 0; draw < 5; draw++) assert.ok((await opened.example(0, draw)).puzzle >= 50)
  await opened.close()
  const other = await openExampleSource({ ...data, firstPuzzle: 51 }, 0, 4, { cacheDir: folder, threads: 0 })
  await other.close()
  assert.notEqual(other.dataHash, opened.dataHash)
  const asked = async (): Promise<unknown> =>
    (await openAskedTasks(data, folder)).tasks.map(({ task, solutions }) => [task, solutions[0]?.cols])
  assert.deepEqual(await asked(), [['b', undefined], ['a', undefined]]) // prettier-ignore
  writeFileSync(join(folder, 'a_solutions.json'), JSON.stringify({ a: [[[1, 2, 3]]] }))
  assert.deepEqual(await asked(), [['b', undefined], ['a', 3]]) // prettier-ignore
})
