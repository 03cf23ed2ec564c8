// What a lost word leaves behind, and how it is put right: the end of a run, and copies that nobody wants any more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Farewell } from '../../coordinator/farewell.js'
import { epochOf, stepOf, workerId, type WorkerId } from '../../shared/ids.js'
import type { WorkerMessage } from '../../shared/protocol/messages.js'
import { boundaryCopy, joinCopy } from '../../shared/protocol/snapshot-id.js'
import { Snapshots, type Snapshot } from '../../worker/snapshots.js'

const [A, B] = ['w-a', 'w-b'].map(workerId) as [WorkerId, WorkerId]
const beat: WorkerMessage = { type: 'beat', epoch: epochOf(1), step: stepOf(1), phase: 'idle', rss: 0, gapMs: 0, wireIn: 0, wireOut: 0 } // prettier-ignore
const leaving: WorkerMessage = { type: 'leaving', why: 'told to stop' }

test('the end is told again to whoever still beats, until everybody has said goodbye', async () => {
  const sent: string[] = []
  const farewell = new Farewell((worker, { type }) => sent.push(`${type} ${worker}`))
  assert.equal(farewell.hear(A, beat), false, 'nothing has ended yet')
  let over = false
  void farewell.over.then(() => (over = true))
  farewell.begin([A, B], { type: 'stop', why: 'done', finished: true })
  assert.deepEqual(sent.splice(0), ['stop w-a', 'stop w-b'])
  assert.equal(farewell.hear(A, leaving), true)
  farewell.hear(B, beat)
  farewell.hear(A, beat)
  assert.deepEqual(sent, ['stop w-b'], 'whoever has gone is told nothing')
  await Promise.resolve()
  assert.equal(over, false)
  farewell.hear(B, leaving)
  await farewell.over
})

test('without workers the end is the end', async () => {
  const farewell = new Farewell(() => assert.fail('there is nobody'))
  farewell.begin([], { type: 'stop', why: 'done', finished: true })
  await farewell.over
})

test('copies go without being told when nobody can want them any more', () => {
  const snapshots = new Snapshots()
  const copy = new Promise<Snapshot>(() => undefined)
  const [join, first, second] = [joinCopy(epochOf(2)), boundaryCopy(stepOf(10), epochOf(2)), boundaryCopy(stepOf(20), epochOf(2))] // prettier-ignore
  snapshots.add(join, copy)
  snapshots.add(first, copy)
  assert.equal(snapshots.size, 2)
  snapshots.settled()
  assert.deepEqual([snapshots.has(join), snapshots.has(first)], [false, true])
  snapshots.add(second, copy)
  assert.deepEqual([snapshots.has(first), snapshots.has(second)], [false, true])
})
