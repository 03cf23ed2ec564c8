// The installer's lock: one at a time, also when the last holder died.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { withLock } from '../../deploy/setup/lock.js'

const folder = mkdtempSync(join(tmpdir(), 'trmesh-lock-'))
const log = (): void => undefined
after(() => rmSync(folder, { recursive: true }))

test('work under the lock never overlaps, and its result and its failure pass through', async () => {
  let inside = 0
  const work = async (): Promise<number> => {
    assert.equal(++inside, 1)
    await sleep(5)
    return inside--
  }
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => withLock(folder, log, work))), [1, 1, 1])
  await assert.rejects(
    withLock(folder, log, () => Promise.reject(new Error('no luck'))),
    /no luck/,
  )
  assert.equal(existsSync(join(folder, '.lock')), false)
})

test('the lock of a process that died is taken over', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  writeFileSync(join(folder, '.lock'), String(dead))
  assert.equal(await withLock(folder, log, () => Promise.resolve('mine')), 'mine')
})
