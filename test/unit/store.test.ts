import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { amendManifest, latestCheckpoint, openCheckpoint } from '../../coordinator/store/checkpoint-reader.js'
import { CheckpointWriter, type OpenFile } from '../../coordinator/store/checkpoint-writer.js'
import { cleanLeftovers } from '../../coordinator/store/folders.js'
import { applyRetention } from '../../coordinator/store/retention.js'
import { CheckpointRefused, SystemRefused } from '../../shared/errors.js'
import { bytesFor, folderOf, manifestFor, PLANS, writeSmall } from '../helpers/checkpoints.js'

const DENSE = PLANS[0]!.tensors

test('what was written is read back, whole and by range', async (t) => {
  const root = join(folderOf(t), 'deep', 'root')
  const dir = await writeSmall(root, 60)
  assert.equal(dir, join(root, 'step-00000060'))
  const checkpoint = await openCheckpoint(dir)
  t.after(() => checkpoint.close())
  assert.deepEqual({ ...checkpoint.manifest, files: [] }, { ...checkpoint.manifest, ...manifestFor(60), files: [] })
  for (const { name, tensors } of PLANS) {
    checkpoint.expect(name, tensors)
    for (const tensor of tensors) {
      const bytes = bytesFor(60, tensor)
      assert.deepEqual(await checkpoint.readRange(name, tensor.name, 0, bytes.length), bytes)
      assert.deepEqual(await checkpoint.readRange(name, tensor.name, 3, 2), bytes.slice(3, 5))
    }
  }
  assert.deepEqual(
    await checkpoint.readData('dense.safetensors', 20, 8),
    Uint8Array.of(...bytesFor(60, DENSE[0]!).slice(20), ...bytesFor(60, DENSE[1]!).slice(0, 4)),
  )
  await assert.rejects(checkpoint.readRange('dense.safetensors', 'inner.a', 20, 5), RangeError)
  await assert.rejects(checkpoint.readRange('dense.safetensors', 'x', 0, 1), /has no tensor 'x'/)
  assert.throws(
    () => checkpoint.expect('dense.safetensors', DENSE.slice(1)),
    /holds inner.a F32 3x2 where inner.b F32 5/,
  )
  assert.throws(() => checkpoint.expect('dense.safetensors', DENSE.slice(0, 1)), /holds inner.b F32 5 where nothing/)
})

test('ranges in any order, from several at once, give the same file', async (t) => {
  const root = folderOf(t)
  const inOrder = await writeSmall(root, 1)
  const other = join(root, 'other')
  const writer = await CheckpointWriter.begin(other, 1, PLANS)
  const all: Promise<void>[] = []
  for (const { name, tensors } of PLANS.toReversed()) {
    for (const tensor of tensors.toReversed()) {
      const bytes = bytesFor(1, tensor)
      for (let at = bytes.length - 4; at >= 0; at -= 4) {
        all.push(writer.write(name, tensor.name, at, bytes.subarray(at, at + 4)))
      }
    }
  }
  await Promise.all(all)
  const dir = await writer.finish(manifestFor(1))
  for (const name of readdirSync(dir))
    assert.deepEqual(readFileSync(join(dir, name)), readFileSync(join(inOrder, name)))
})

test('missing bytes, bytes twice and foreign bytes are refused, and nothing is left', async (t) => {
  const root = folderOf(t)
  const begin = (): Promise<CheckpointWriter> => CheckpointWriter.begin(root, 1, PLANS)
  const short = await begin()
  await short.write('dense.safetensors', 'inner.a', 0, bytesFor(1, DENSE[0]!))
  await assert.rejects(short.finish(manifestFor(1)), /dense.safetensors is not complete: byte \d+ \(tensor 'inner.b'\)/)
  const twice = await begin()
  await twice.write('dense.safetensors', 'inner.a', 0, new Uint8Array(8))
  await assert.rejects(twice.write('dense.safetensors', 'inner.a', 4, new Uint8Array(8)), /overlap/)
  const foreign = await begin()
  await assert.rejects(foreign.write('dense.safetensors', 'inner.a', 20, new Uint8Array(8)), /leave tensor/)
  await assert.rejects(foreign.write('dense.safetensors', 'x', 0, new Uint8Array(8)), /no tensor 'x'/)
  await assert.rejects(foreign.write('x', 'x', 0, new Uint8Array(8)), /no file 'x'/)
  await foreign.abort()
  await foreign.abort()
  await assert.rejects(foreign.finish(manifestFor(1)), /aborted/)
  assert.deepEqual(readdirSync(root), [])
})

test('what another coordinator would have to write does not appear, and nothing of it is left', async (t) => {
  const root = folderOf(t)
  const dir = await writeSmall(root, 1)
  const before = readFileSync(join(dir, 'manifest.json'))
  for (const step of [1, 2])
    await assert.rejects(
      writeSmall(root, step, { created: '2026-02-02T00:00:00Z' }, undefined, () => false),
      /step-0000000\d is not ours to write/,
    )
  assert.deepEqual(readdirSync(root), [basename(dir)])
  assert.deepEqual(readFileSync(join(dir, 'manifest.json')), before)
})

test('a manifest that could not be read again is not written', async (t) => {
  const root = folderOf(t)
  await assert.rejects(writeSmall(root, 1, { metrics: { loss: NaN } }), /manifest.metrics.loss/)
  assert.deepEqual(readdirSync(root), [])
})

/** A disk that is full after so many writes. */
const fullAfter = (writes: number): OpenFile => {
  let left = writes
  return async (path, flags) =>
    new Proxy(await open(path, flags), {
      get: (handle, key) => {
        if (key === 'write' && left-- <= 0) {
          return () => Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
        }
        const value: unknown = Reflect.get(handle, key, handle)
        return typeof value === 'function' ? (value.bind(handle) as unknown) : value
      },
    })
}

test('a full disk at any moment: one clear line, earlier checkpoints untouched, space given back', async (t) => {
  const root = folderOf(t)
  await writeSmall(root, 1)
  for (let writes = 0; writes < 6; writes++) {
    await assert.rejects(
      writeSmall(root, 2, {}, fullAfter(writes)),
      (error) => error instanceof SystemRefused && /ENOSPC/.test(error.message) && /free space/.test(error.remedy),
    )
    assert.deepEqual(readdirSync(root), ['step-00000001'])
  }
  await writeSmall(root, 2, {}, fullAfter(6))
  await (await openCheckpoint(join(root, 'step-00000001'))).close()
})

test('a disk too small is known before anything is written; a file in the way is named', async (t) => {
  const root = folderOf(t)
  const huge = [{ name: 'dense.safetensors', tensors: [{ name: 'x', dtype: 'F32', shape: [2 ** 50] } as const] }]
  await assert.rejects(
    CheckpointWriter.begin(root, 1, huge),
    (e) => e instanceof SystemRefused && /a checkpoint needs/.test(e.message),
  )
  writeFileSync(join(root, 'file'), '')
  await assert.rejects(
    writeSmall(join(root, 'file', 'x'), 1),
    (e) => e instanceof SystemRefused && /ENOTDIR/.test(e.message),
  )
  await assert.rejects(writeSmall(join(root, 'file'), 1), (e) => e instanceof SystemRefused && /EEXIST/.test(e.message))
})

test('no folder, or an empty one, holds no checkpoint', async (t) => {
  const root = folderOf(t)
  assert.deepEqual(await latestCheckpoint(join(root, 'none')), { checkpoint: undefined, skipped: [] })
  assert.deepEqual(await latestCheckpoint(root), { checkpoint: undefined, skipped: [] })
})

test('cut anywhere, any file missing, any byte flipped: refused with the reason, and the one before is used', async (t) => {
  const root = folderOf(t)
  await writeSmall(root, 1)
  const second = await writeSmall(root, 2)
  const good = join(root, 'good')
  cpSync(second, good, { recursive: true })
  const fallsBack = async (why: RegExp): Promise<void> => {
    const { checkpoint, skipped } = await latestCheckpoint(root)
    await checkpoint?.close()
    assert.equal(checkpoint?.manifest.step, 1)
    assert.equal(skipped.length, 1)
    assert.equal(skipped[0]!.dir, second)
    assert.match(skipped[0]!.why, why)
  }
  for (const name of readdirSync(good)) {
    const path = join(second, name)
    const whole = readFileSync(path)
    const isManifest = name === 'manifest.json'
    rmSync(path)
    await fallsBack(/is missing/)
    for (let length = 0; length < whole.length - (isManifest ? 2 : 0); length += isManifest ? 41 : 1) {
      copyFileSync(join(good, name), path)
      truncateSync(path, length)
      await fallsBack(isManifest ? /manifest\.json: no JSON/ : /has \d+ bytes, the manifest says/)
    }
    for (let at = 0; !isManifest && at < whole.length; at += 1) {
      const flipped = Buffer.from(whole)
      flipped[at]! ^= 1 << (at % 8)
      writeFileSync(path, flipped)
      await fallsBack(/SHA-256|header|tensor|twice|dtype|begins|needs/)
    }
    copyFileSync(join(good, name), path)
  }
  const restored = await latestCheckpoint(root)
  assert.equal(restored.checkpoint?.manifest.step, 2)
  await restored.checkpoint?.close()
})

for (const [what, value] of [
  ['NaN', NaN],
  ['an infinity', -Infinity],
] as const) {
  test(`${what} in a tensor is found and its place named`, async (t) => {
    const root = folderOf(t)
    const writer = await CheckpointWriter.begin(root, 5, PLANS)
    for (const { name, tensors } of PLANS) {
      for (const tensor of tensors) {
        const bytes = bytesFor(5, tensor)
        if (tensor.name === 'inner.b') new Float32Array(bytes.buffer)[3] = value
        await writer.write(name, tensor.name, 0, bytes)
      }
    }
    const dir = await writer.finish(manifestFor(5))
    await assert.rejects(
      openCheckpoint(dir),
      (e) => e instanceof CheckpointRefused && e.message.endsWith(`tensor 'inner.b' holds ${what} at element 3`),
    )
  })
}

test('a checkpoint under the name of another step is passed over', async (t) => {
  const root = folderOf(t)
  renameSync(await writeSmall(root, 7), join(root, 'step-00000008'))
  const { checkpoint, skipped } = await latestCheckpoint(root)
  assert.equal(checkpoint, undefined)
  assert.match(skipped[0]!.why, /holds step 7/)
})

test('the same step again replaces the old one', async (t) => {
  const root = folderOf(t)
  await writeSmall(root, 3, { epoch: 1 })
  const dir = await writeSmall(root, 3, { epoch: 2 })
  const checkpoint = await openCheckpoint(dir)
  await checkpoint.close()
  assert.equal(checkpoint.manifest.epoch, 2)
  assert.deepEqual(readdirSync(root), ['step-00000003'])
})

test('an evaluation is added later, whole or not at all', async (t) => {
  const dir = await writeSmall(folderOf(t), 3)
  await amendManifest(dir, { evaluation: { score: 0.5, details: { pairs: 4 } } })
  const checkpoint = await openCheckpoint(dir)
  await checkpoint.close()
  assert.deepEqual(checkpoint.manifest.evaluation, { score: 0.5, details: { pairs: 4 } })
  await assert.rejects(amendManifest(dir, { evaluation: { score: NaN, details: {} } }), CheckpointRefused)
  await (await openCheckpoint(dir)).close()
})

test('the last and the best stay; damaged ones are neither counted nor touched', async (t) => {
  const root = folderOf(t)
  for (const [step, score] of [
    [1, 0.9],
    [2, 0.1],
    [3, undefined],
    [4, 0.5],
    [5, undefined],
    [6, undefined],
  ] as const) {
    await writeSmall(root, step, score === undefined ? {} : { evaluation: { score, details: {} } })
  }
  rmSync(join(root, 'step-00000006', 'dense.safetensors'))
  assert.deepEqual(await applyRetention(root, { keepLast: 1, keepBest: 2 }), ['step-00000003', 'step-00000002'])
  assert.deepEqual(readdirSync(root), ['step-00000001', 'step-00000004', 'step-00000005', 'step-00000006'])
  await applyRetention(root, { keepLast: 0, keepBest: 0 })
  assert.deepEqual(readdirSync(root), ['step-00000005', 'step-00000006'])
})

test('what a dead process left is cleaned up, what a living one writes is left alone', async (t) => {
  const root = folderOf(t)
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const living = process.ppid
  const dir = await writeSmall(root, 4)
  renameSync(dir, join(root, `step-00000004.old-${dead}`))
  await writeSmall(root, 5)
  for (const name of [
    `step-00000005.old-${dead}`,
    `step-00000006.tmp-${dead}`,
    `step-00000007.del-${dead}`,
    `step-00000008.tmp-${living}`,
  ]) {
    mkdirSync(join(root, name))
  }
  const done = await cleanLeftovers(root)
  assert.equal(done.length, 4)
  assert.ok(done.includes('step-00000004 is back: the process that was replacing it died'))
  assert.deepEqual(readdirSync(root), ['step-00000004', 'step-00000005', `step-00000008.tmp-${living}`])
  await (await openCheckpoint(dir)).close()
  assert.deepEqual(await cleanLeftovers(join(root, 'none')), [])
})

test('killed at any moment (kill -9): the newest complete one opens, nothing older was lost', async (t) => {
  const root = folderOf(t)
  await writeSmall(root, 1)
  const helper = resolve('.build/test/helpers/checkpoints.js')
  const retention = resolve('.build/coordinator/store/retention.js')
  const script = `
    import { writeSmall } from ${JSON.stringify(helper)}
    import { applyRetention } from ${JSON.stringify(retention)}
    for (let i = 0; ; i++) {
      const step = 2 + (i >> 1)                       // every step twice: the second replaces the first
      await writeSmall(${JSON.stringify(root)}, step)
      await applyRetention(${JSON.stringify(root)}, { keepLast: 2, keepBest: 0 })
      process.stdout.write(step + '\\n')
    }`
  let newest = 1
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let told = 0
    const started = new Promise<void>((resolve) => {
      child.stdout.on('data', (text: Buffer) => {
        told = Number(text.toString().trim().split('\n').at(-1))
        if (told > 2) resolve()
      })
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    await started
    await sleep(3 + round * 7)
    child.kill('SIGKILL')
    await ended
    await cleanLeftovers(root)
    const { checkpoint, skipped } = await latestCheckpoint(root)
    await checkpoint?.close()
    assert.deepEqual(skipped, [])
    assert.ok(
      checkpoint !== undefined && checkpoint.manifest.step >= told,
      `step ${checkpoint?.manifest.step} after ${told}`,
    )
    newest = Math.max(newest, checkpoint.manifest.step)
    assert.ok(!readdirSync(root).some((name) => name.includes('.')), 'leftovers')
    for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true })
  }
  assert.ok(newest > 2)
  assert.ok(existsSync(root))
})
