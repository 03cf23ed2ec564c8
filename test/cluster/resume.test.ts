// Stop anywhere, start again: the same bits as without the stop. And what may not be resumed is refused in words.
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CheckpointRefused } from '../../shared/errors.js'
import {
  checkpointsOf,
  configOf,
  contentsOf,
  coordinate,
  lastStep,
  lossesOf,
  natsFor,
  temporaryFolder,
  train,
  until,
  withoutNats,
  work,
  type Flags,
} from '../helpers/cluster.js'

const skip = withoutNats
const F32: Flags = { 'reduce.wire': 'f32', 'reduce.bucketBytes': 8192 }

test(
  'stopped at step 30 by its steps or at any step by a signal: resumed, the bits are those of an uninterrupted run',
  { skip, timeout: 90_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const flags = { ...F32, 'run.dir': temporaryFolder(t) }
    const whole = await train(t, url, 2, { ...flags, 'run.id': 'whole', 'train.steps': 60 })

    const parts = { ...flags, 'run.id': 'parts' }
    await train(t, url, 2, { ...parts, 'train.steps': 30 })
    const { folder, said } = await train(t, url, 2, { ...parts, 'train.steps': 60 })
    assert.match(said, /resuming from step 30/)

    const signalled = join(String(flags['run.dir']), 'signalled')
    const config = configOf({
      ...flags,
      'run.id': 'signalled',
      'train.steps': 60,
      'bus.url': url,
      'cluster.minWorkers': 2,
    })
    const first = coordinate(t, config)
    const crew = [work(t, url, 'signalled', 'a'), work(t, url, 'signalled', 'b')]
    await until('step 20', () => lastStep(signalled) >= 20)
    first.stop()
    await first.done
    await Promise.all(crew.map(({ done }) => done))
    assert.match(first.out.text, /stopped at step \d+ of 60: asked to stop/)
    const [stoppedAt] = checkpointsOf(signalled)
    assert.notEqual(stoppedAt, undefined, 'a stop must leave a checkpoint')
    assert.ok(lastStep(signalled) < 60, 'stopped in the middle')
    await train(t, url, 2, { ...flags, 'run.id': 'signalled', 'train.steps': 60 })

    for (const resumed of [folder, signalled]) {
      assert.deepEqual([...lossesOf(resumed)], [...lossesOf(whole.folder)], `${resumed}: losses`)
      const [theirs, ours] = [contentsOf(resumed, 60), contentsOf(whole.folder, 60)]
      assert.deepEqual(theirs.slots, ours.slots, `${resumed}: slots`)
      assert.deepEqual(theirs.hashes, ours.hashes, `${resumed}: checkpoint`)
    }
  },
)

test(
  'another number of workers goes on from the same step with the same examples',
  { skip, timeout: 90_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const flags = { ...F32, 'run.dir': temporaryFolder(t) }
    const whole = await train(t, url, 1, { ...flags, 'run.id': 'whole', 'train.steps': 24 })
    await train(t, url, 1, { ...flags, 'run.id': 'parts', 'train.steps': 12 })
    const { folder } = await train(t, url, 3, { ...flags, 'run.id': 'parts', 'train.steps': 24 })
    assert.deepEqual(contentsOf(folder, 24).slots, contentsOf(whole.folder, 24).slots)
    for (const [step, loss] of lossesOf(folder))
      assert.ok(Math.abs(loss - (lossesOf(whole.folder).get(step) ?? NaN)) <= 1e-3 * loss, `step ${step}`)
  },
)

/** Overwrites the end of a file, where its last numbers are. */
function damage(file: string, bytes: Uint8Array): void {
  const { length } = readFileSync(file)
  const handle = openSync(file, 'r+')
  writeSync(handle, bytes, 0, bytes.length, length - bytes.length)
  closeSync(handle)
}

test(
  'a damaged checkpoint is passed over for the one before it; another configuration is refused',
  { skip, timeout: 90_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const flags = { 'run.dir': temporaryFolder(t), 'run.id': 'r', 'checkpoint.everySteps': 5 }
    const { folder } = await train(t, url, 1, { ...flags, 'train.steps': 10 })
    assert.deepEqual(checkpointsOf(folder), ['step-00000005', 'step-00000010'])

    const refusal = async (more: Flags): Promise<CheckpointRefused> => {
      const refused = coordinate(t, configOf({ ...flags, ...more, 'bus.url': url }))
      return refused.done.then(
        () => assert.fail('it must refuse'),
        (error: unknown) => {
          assert.ok(error instanceof CheckpointRefused, String(error))
          return error
        },
      )
    }
    const other = await refusal({ 'train.lr': 0.5, 'model.haltMaxSteps': 4 })
    assert.match(other.message, /train\.lr \(0\.001, here 0\.5\)/)
    assert.match(other.message, /model\.haltMaxSteps \(3, here 4\)/)
    assert.match(other.remedy, /--fresh/)

    // An infinity as f32: the hash differs too, but the reader must not get as far as using it.
    damage(join(folder, 'step-00000010', 'dense.safetensors'), Uint8Array.of(0, 0, 0x80, 0x7f))
    const { said } = await train(t, url, 1, { ...flags, 'train.steps': 12 })
    assert.match(said, /passed over .*step-00000010/)
    assert.match(said, /resuming from step 5/)

    const stillThere = checkpointsOf(folder)
    for (const name of stillThere) damage(join(folder, name, 'dense.safetensors'), Uint8Array.of(1, 2, 3))
    const none = await coordinate(t, configOf({ ...flags, 'train.steps': 12, 'bus.url': url })).done.then(
      () => assert.fail('it must not start over by itself'),
      (error: unknown) => error as Error & { remedy: string },
    )
    assert.match(none.message, /no checkpoint in .* can be used/)
    assert.match(none.remedy, /--fresh/)
  },
)
