// New tasks for a trained model, over a real bus: rows first, then everything; what was learned stays; exact on resume.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { parseHeader } from '../../shared/checkpoint/safetensors.js'
import { FAMILIES, generateTasks } from '../../shared/arc/generator/generate.js'
import { rowsOf } from '../../shared/arc/grid.js'
import { CheckpointRefused } from '../../shared/errors.js'
import { rngFor } from '../../shared/rng/counter.js'
import {
  configOf,
  contentsOf,
  coordinate,
  evaluate,
  lastStep,
  natsFor,
  temporaryFolder,
  train,
  until,
  withoutNats,
  work,
  type Flags,
} from '../helpers/cluster.js'

const options = { skip: withoutNats, timeout: 120_000 }

/** A file of tasks that no other seed makes. */
function challenges(folder: string): string {
  const config = { seed: 77, families: Math.min(5, FAMILIES.length), tasksPerFamily: 1, canvas: 5, trainPairs: 3, testPairs: 1 } // prettier-ignore
  const tasks = generateTasks(config, (family, task) => rngFor(77, 'generated-task', family, task))
  const file = join(folder, 'new_challenges.json')
  const pairs = (task: (typeof tasks)[number], split: string): object[] =>
    task.pairs
      .filter((pair) => pair.split === split)
      .map(({ input, output }) => ({
        input: rowsOf(input),
        ...(split === 'train' && output !== undefined ? { output: rowsOf(output) } : {}),
      }))
  const entries = tasks.map((task, i) => [`new${i}`, { train: pairs(task, 'train'), test: pairs(task, 'test') }])
  writeFileSync(file, JSON.stringify(Object.fromEntries(entries)))
  return file
}

/** Tensors of a checkpoint's file by name. */
function tensorsOf(folder: string, step: number, file: string): (name: string) => Float32Array | Int32Array {
  const bytes = readFileSync(join(folder, `step-${String(step).padStart(8, '0')}`, `${file}.safetensors`))
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0)))
  const { tensors, dataStart } = parseHeader(header, bytes.length, file)
  return (name) => {
    const place = tensors.find((tensor) => tensor.name === name)
    assert.ok(place !== undefined, name)
    const own = Uint8Array.from(bytes.subarray(dataStart + place.begin, dataStart + place.end)).buffer
    return place.dtype === 'I32' ? new Int32Array(own) : new Float32Array(own)
  }
}

const WEIGHT = 'L_level.layers.0.mlp.down_proj.weight'

async function trained(t: TestContext): Promise<{ url: string; base: string; flags: Flags; puzzles: number }> {
  const { url } = await natsFor(t)
  const dir = temporaryFolder(t)
  const { folder } = await train(t, url, 1, { 'run.dir': dir, 'run.id': 'model', 'train.steps': 20 })
  const base = join(folder, 'step-00000020')
  const { puzzles } = JSON.parse(readFileSync(join(base, 'manifest.json'), 'utf8')) as { puzzles: number }
  const flags = {
    'run.dir': dir,
    'data.source': challenges(dir),
    'data.firstPuzzle': puzzles,
    'train.freezeDense': 0.5,
    'train.steps': 40,
    'reduce.wire': 'f32',
    'reduce.bucketBytes': 8192,
  }
  return { url, base, flags, puzzles }
}

test('rows learn first, from the mean row on; then everything; the rows of the model stay', options, async (t) => {
  const { url, base, flags, puzzles } = await trained(t)
  const { folder, said } = await train(t, url, 2, { ...flags, 'run.id': 'new', 'checkpoint.everySteps': 20 }, base)
  assert.match(said, /beginning with the model of .*step-00000020/)
  const model = join(String(flags['run.dir']), 'model')
  const averaged = tensorsOf(model, 20, 'dense')(`ema.${WEIGHT}`)
  assert.deepEqual(tensorsOf(folder, 20, 'dense')(`inner.${WEIGHT}`), averaged, 'frozen')
  assert.deepEqual(tensorsOf(folder, 20, 'dense')(`ema.${WEIGHT}`), averaged, 'frozen')
  assert.notDeepEqual(tensorsOf(folder, 40, 'dense')(`inner.${WEIGHT}`), averaged, 'thawed')

  const [old, now] = [tensorsOf(model, 20, 'puzzles'), tensorsOf(folder, 20, 'puzzles')]
  const [oldIds, ids] = [[...old('ids')], [...now('ids')]]
  const dim = old('rows').length / oldIds.length
  const rowIn = (rows: Float32Array | Int32Array, i: number): number[] => [...rows.subarray(i * dim, (i + 1) * dim)]
  assert.deepEqual(ids.slice(0, oldIds.length + 1), [0, ...oldIds])
  oldIds.forEach((_, i) => assert.deepEqual(rowIn(now('rows'), i + 1), rowIn(old('rows'), i), 'the old rows stay'))
  const fresh = ids.slice(oldIds.length + 1)
  assert.ok(fresh.length > 0 && fresh.every((id) => id >= puzzles), 'new identifiers follow the old')
  const mean = rowIn(now('rows'), 0)
  assert.ok(mean.some((value) => value !== 0))
  // A row moves by at most the learning rate, and the decay, a step: so early it is still near the mean.
  for (const i of fresh.keys())
    rowIn(now('rows'), oldIds.length + 1 + i).forEach((value, d) => assert.ok(Math.abs(value - mean[d]!) <= 0.2 + 1e-3))

  const config = configOf({ ...flags, 'run.id': 'asked', 'bus.url': url })
  const to = join(String(flags['run.dir']), 'answers')
  const asked = evaluate(t, config, { checkpoint: join(folder, 'step-00000040'), to })
  await Promise.all([asked.done, work(t, url, 'asked').done])
  const sheet = JSON.parse(readFileSync(join(to, 'submission.json'), 'utf8')) as object
  assert.deepEqual(Object.keys(sheet), ['new0', 'new1', 'new2', 'new3', 'new4'])
})

test(
  'stopped while frozen and again after the thaw: resumed, the bits are those of an uninterrupted run',
  options,
  async (t) => {
    const { url, base, flags } = await trained(t)
    const whole = await train(t, url, 2, { ...flags, 'run.id': 'whole' }, base)
    const parts = join(String(flags['run.dir']), 'parts')
    for (const at of [5, 24]) {
      const config = configOf({ ...flags, 'run.id': 'parts', 'bus.url': url, 'cluster.minWorkers': 2 })
      const leading = coordinate(t, config, false, base)
      const crew = [work(t, url, 'parts', 'a'), work(t, url, 'parts', 'b')]
      await until(`step ${at}`, () => lastStep(parts) >= at)
      leading.stop()
      await Promise.all([leading.done, ...crew.map(({ done }) => done)])
      assert.ok(lastStep(parts) < 40, 'stopped in the middle')
    }
    const { said } = await train(t, url, 2, { ...flags, 'run.id': 'parts' }, base)
    assert.match(said, /resuming from step/)
    assert.deepEqual(contentsOf(parts, 40), contentsOf(whole.folder, 40))
    const thawed = JSON.parse(readFileSync(join(parts, 'step-00000040', 'manifest.json'), 'utf8')) as { thawed: number }
    assert.equal(thawed.thawed, 21)

    const other = await train(t, url, 1, { 'run.dir': flags['run.dir']!, 'run.id': 'other', 'train.steps': 2 })
    const mixed = coordinate(
      t,
      configOf({ ...flags, 'run.id': 'parts', 'bus.url': url }),
      false,
      join(other.folder, 'step-00000002'),
    )
    await assert.rejects(
      mixed.done,
      (error: Error) => error instanceof CheckpointRefused && /did not begin with/.test(error.message),
    )
  },
)

test('a model that never met the tasks can be asked too; one of another network is refused', options, async (t) => {
  const { url, base, flags } = await trained(t)
  const to = join(String(flags['run.dir']), 'answers')
  const config = configOf({ ...flags, 'run.id': 'asked', 'bus.url': url })
  const asked = evaluate(t, config, { checkpoint: base, to }, base)
  await Promise.all([asked.done, work(t, url, 'asked').done])
  assert.equal(Object.keys(JSON.parse(readFileSync(join(to, 'submission.json'), 'utf8')) as object).length, 5)
  const wider = configOf({ ...flags, 'run.id': 'wider', 'bus.url': url, 'model.heads': 4 })
  await assert.rejects(coordinate(t, wider, false, base).done, /of another network: model\.heads 2 \(here 4\)/)
})
