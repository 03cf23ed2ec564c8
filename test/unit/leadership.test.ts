// One coordinator at a time: epochs are claimed in the run's folder, and after a pause of its own a coordinator asks first.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Lease } from '../../coordinator/lease.js'
import { Claim } from '../../coordinator/store/claim.js'
import { epochOf, millis } from '../../shared/ids.js'

function runFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-claim-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'r')
}

const fails = (error: unknown): void => assert.fail(String(error))

test('epochs only grow, one file tells which it is, and who took over in between shuts out the one before', (t) => {
  const folder = runFolder(t)
  const first = new Claim(folder, fails)
  assert.equal(first.begin(0), 1)
  assert.equal(first.advance(epochOf(4)), true)
  assert.deepEqual(readdirSync(folder), ['epoch-00000004'])
  const second = new Claim(folder, fails)
  assert.equal(second.begin(2), 5)
  assert.deepEqual(readdirSync(folder), ['epoch-00000005'])
  assert.deepEqual([first.holds(), first.advance(epochOf(5)), first.advance(epochOf(9))], [false, false, false])
  assert.deepEqual([second.holds(), second.advance(epochOf(6))], [true, true])
  assert.deepEqual(readdirSync(folder), ['epoch-00000006'])
})

test('the epoch of a checkpoint counts too, as does a folder that an older version wrote', (t) => {
  const claim = new Claim(runFolder(t), fails)
  assert.equal(claim.begin(11), 12)
  assert.equal(claim.holds(), true)
})

test('a folder that is gone is made again; one that cannot be written is told of once and stops nobody', (t) => {
  const folder = runFolder(t)
  const told: unknown[] = []
  const claim = new Claim(folder, (error) => told.push(error))
  claim.begin(0)
  rmSync(join(folder, 'epoch-00000001'))
  assert.equal(claim.advance(epochOf(2)), true)
  assert.deepEqual(readdirSync(folder), ['epoch-00000002'])
  rmSync(folder, { recursive: true })
  assert.deepEqual([claim.advance(epochOf(3)), claim.advance(epochOf(4)), claim.holds()], [true, true, true])
  if (process.getuid?.() === 0) return // nothing is read-only to the superuser
  const closed = runFolder(t)
  const other = new Claim(closed, (error) => told.push(error))
  other.begin(0)
  chmodSync(closed, 0o500)
  t.after(() => chmodSync(closed, 0o700))
  assert.deepEqual([other.advance(epochOf(2)), other.advance(epochOf(3))], [true, true])
  assert.equal(told.length, 1)
})

test('after a pause nothing is done before it is sure who leads; then all of it, in order', async () => {
  let now = millis(0)
  let sure: () => void = () => undefined
  let asked = 0
  const confirm = (): Promise<void> => {
    asked++
    return new Promise((resolve) => (sure = resolve))
  }
  const lease = new Lease({ now: () => now, most: millis(500), confirm })
  const done: string[] = []
  lease.run(() => done.push('at once'))
  now = millis(500)
  lease.run(() => done.push('in time'))
  assert.deepEqual([done.splice(0), asked], [['at once', 'in time'], 0])
  now = millis(1200)
  lease.run(() => done.push('first'))
  lease.run(() => done.push('second'))
  assert.deepEqual([done, asked], [[], 1])
  sure()
  await new Promise((resolve) => setImmediate(resolve))
  lease.run(() => done.push('third'))
  assert.deepEqual([done, asked], [['first', 'second', 'third'], 1])
})
