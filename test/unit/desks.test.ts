// The small keepers of a run: evaluation rounds, the courier of examples, contributions, owned buckets, snapshots, queues.
import { bytesOf } from '../../shared/bytes.js'
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addSums } from '../../shared/step-sums.js'
import { Contributions } from '../../coordinator/contributions.js'
import { Courier, type EncodedExample } from '../../coordinator/courier.js'
import { EvaluationRound } from '../../coordinator/evaluate/round.js'
import { WireError } from '../../shared/errors.js'
import { planBuckets } from '../../shared/gradients/buckets.js'
import { OwnedBuckets } from '../../shared/gradients/owner.js'
import { drawOf, epochOf, slotId, stepOf, workerId } from '../../shared/ids.js'
import type { CoordinatorMessage, SnapshotId } from '../../shared/protocol/messages.js'
import { boundaryCopy, joinCopy } from '../../shared/protocol/snapshot-id.js'
import { ExampleQueue } from '../../worker/examples.js'
import { Snapshots } from '../../worker/snapshots.js'

const [A, B] = [workerId('w-a'), workerId('w-b')]
const take = (slot: number, draw: number) => ({ slot: slotId(slot), draw: drawOf(draw) })

describe('an evaluation round', () => {
  test('hands every row out once, two units ahead, and gives those of the dead to others', () => {
    const round = new EvaluationRound(1, 25, 4)
    assert.equal(round.units, 7)
    const first = round.hand([A, B])
    assert.deepEqual(
      first.map(({ worker, unit }) => [worker, unit.index]),
      [
        [A, 0],
        [B, 1],
        [A, 2],
        [B, 3],
      ],
    )
    assert.deepEqual(round.hand([A, B]), [])
    assert.equal(round.take(1, A), undefined, 'not its unit')
    assert.deepEqual(round.take(1, B), { index: 1, from: 4, to: 8 })
    assert.equal(round.take(1, B), undefined, 'answered before')
    round.lost(B)
    const rows = new Set<number>([4, 5, 6, 7])
    while (!round.over) {
      round.hand([A])
      for (const index of [0, 1, 2, 3, 4, 5, 6]) {
        const unit = round.take(index, A)
        for (let row = unit?.from ?? 0; row < (unit?.to ?? 0); row++) {
          assert.ok(!rows.has(row), `row ${row} twice`)
          rows.add(row)
        }
      }
    }
    assert.equal(rows.size, 25)
  })

  test('of nothing is over at once', () => {
    assert.equal(new EvaluationRound(1, 0, 4).over, true)
  })
})

describe('the courier', () => {
  const example = (slot: number, draw: number): EncodedExample => ({
    puzzle: slot * 100 + draw,
    inputs: Uint8Array.of(slot, draw),
    labels: Uint8Array.of(draw, slot),
  })

  test('encodes once, sends once to the same owner, in messages that fit, and again to a new owner', async () => {
    const asked: string[] = []
    const sent: [string, CoordinatorMessage][] = []
    const courier = new Courier(
      {
        example: (slot, draw) => {
          asked.push(`${slot}:${draw}`)
          return Promise.resolve(example(slot, draw))
        },
      },
      2,
      (worker, message) => sent.push([worker, message]),
      (error) => assert.fail(String(error)),
    )
    const takes = [take(0, 0), take(1, 0), take(2, 5)]
    await courier.deliver(A, takes)
    await courier.deliver(A, takes)
    assert.equal(sent.length, 2)
    const [, first] = sent[0]!
    assert.ok(first.type === 'examples')
    assert.deepEqual(
      [first.slots, first.draws, first.puzzles, [...first.inputs]],
      [
        [0, 1],
        [0, 0],
        [0, 100],
        [0, 0, 1, 0],
      ],
    )
    courier.forgetWorker(A)
    await courier.deliver(A, takes)
    await courier.deliver(B, takes)
    assert.equal(sent.length, 6)
    assert.deepEqual(asked, ['0:0', '1:0', '2:5'])
    assert.equal(courier.queue, 0)
    courier.settled(A, slotId(2), drawOf(5))
    await courier.fetch([take(2, 5)])
    assert.equal(asked.length, 3, 'the example under way is kept')
    courier.settled(A, slotId(2), drawOf(6))
    await courier.fetch([take(2, 5)])
    assert.equal(asked.length, 4, 'what is over is forgotten')
  })

  test('says so when encoding ahead fails', async () => {
    const failure = new Error('disk')
    const failed = new Promise((resolve) => {
      new Courier({ example: () => Promise.reject(failure) }, 1, () => undefined, resolve).ahead(A, [take(0, 0)])
    })
    assert.equal(await failed, failure)
  })
})

describe('contributions', () => {
  const at = { epoch: epochOf(1), step: stepOf(1) }
  const sums = {
    ...{ lossTotal: 1, lmLoss: 2, qHaltLoss: 3, count: 4 },
    ...{ accuracy: 5, exactAccuracy: 6, qHaltAccuracy: 7, steps: 8, cells: 9, flops: 10 },
  }
  const result = {
    type: 'result' as const,
    ...at,
    inner: 0,
    sums: [sums],
    halted: Uint8Array.of(0, 1),
    steps: Uint8Array.of(3, 1),
  }
  const rows = (first: number, ...values: number[]) =>
    ({ type: 'rowGradients', ...at, inner: 0, first, data: bytesOf(Float32Array.from(values)) }) as const

  test('are whole only with all their rows; sums add up', () => {
    const contributions = new Contributions(2)
    contributions.addRows(A, 2, rows(1, 3, 4))
    assert.throws(() => contributions.addResult(A, 2, result), WireError)
    contributions.addRows(A, 2, rows(1, 3, 4)) // twice: counts once
    contributions.addRows(A, 2, rows(0, 1, 2))
    contributions.addResult(A, 2, result)
    assert.deepEqual([...contributions.of(A).rowGradients], [1, 2, 3, 4])
    assert.deepEqual(addSums([sums, sums]).steps, 16)
    contributions.begin()
    assert.throws(() => contributions.of(A), RangeError)
  })

  test('of the wrong size are refused', () => {
    const contributions = new Contributions(2)
    assert.throws(() => contributions.addRows(A, 2, rows(1, 1, 2, 3)), WireError)
    assert.throws(() => contributions.addRows(A, 2, { ...rows(0), data: new Uint8Array(3) }), WireError)
    assert.throws(() => contributions.addResult(A, 3, result), WireError)
  })
})

test('owned buckets: parts may come before the step is begun, never for another epoch or a later step', () => {
  const reduce = {
    topology: 'sharded',
    wire: 'f32',
    mode: 'fast',
    group: 1,
    bucketBytes: 8,
    inFlightBytes: 64,
  } as const
  const means: number[][] = []
  const owned = new OwnedBuckets(A, planBuckets(5, reduce), reduce, ({ index }, bytes) =>
    means.push([index, ...new Float32Array(Uint8Array.from(bytes).buffer)]),
  )
  owned.assign(epochOf(2), stepOf(4), [A, B])
  assert.deepEqual(owned.indices, [0, 2])
  const offer = (epoch: number, step: number, index: number, source: typeof A, ...values: number[]) =>
    owned.offer(epochOf(epoch), stepOf(step), index, source, bytesOf(Float32Array.from(values)))
  assert.equal(offer(2, 5, 0, B, 10, 20), 'waiting')
  assert.equal(offer(2, 5, 0, A, 1, 2), 'added')
  assert.deepEqual(means, [[0, 11, 22]])
  assert.equal(offer(2, 5, 0, A, 1, 2), 'duplicate')
  assert.equal(offer(1, 5, 0, A, 1, 2), 'stale')
  assert.equal(offer(2, 4, 0, A, 1, 2), 'stale')
  assert.equal(offer(2, 7, 0, A, 1, 2), 'stale')
  assert.equal(offer(2, 5, 1, A, 1, 2), 'unknown')
  assert.throws(() => offer(2, 5, 2, A, 1, 2), WireError)
  assert.equal(offer(2, 6, 2, B, 7), 'waiting')
  assert.equal(offer(2, 6, 2, A, 1), 'added')
  assert.deepEqual(means[1], [2, 8])
  owned.assign(epochOf(3), stepOf(5), [A])
  assert.deepEqual(owned.indices, [0, 1, 2])
  assert.equal(offer(3, 6, 1, A, 5, 6), 'added')
})

test('snapshots: a pull waits for the copy, ranges are checked, what was released is gone', async () => {
  const snapshots = new Snapshots()
  const id = 's' as SnapshotId
  const range = { snapshot: id, segment: 'ema', slot: slotId(0), offset: 4, length: 4 } as const
  let copied: (copy: Awaited<Parameters<Snapshots['add']>[1]>) => void = () => undefined
  snapshots.add(id, new Promise((resolve) => (copied = resolve)))
  const early = snapshots.provide(range)
  copied({
    dense: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    elements: 2,
    carries: Float32Array.of(9, 10, 11, 12),
    slots: [slotId(5), slotId(3)],
    hInit: Float32Array.of(13),
    lInit: Float32Array.of(14),
    mean: Float32Array.of(15, 16),
  })
  const floats = (bytes: Uint8Array | string): number[] | string =>
    typeof bytes === 'string' ? bytes : [...new Float32Array(Uint8Array.from(bytes).buffer)]
  assert.deepEqual(floats(await early), [4])
  const carry = { ...range, segment: 'carry', slot: slotId(3), offset: 0, length: 8 } as const
  assert.deepEqual(floats(await snapshots.provide(carry)), [11, 12])
  assert.deepEqual(floats(await snapshots.provide({ ...range, segment: 'lInit', offset: 0 })), [14])
  assert.deepEqual(floats(await snapshots.provide({ ...range, segment: 'mean' })), [16])
  assert.match(String(await snapshots.provide({ ...range, length: 8 })), /ends at byte 8/)
  assert.match(String(await snapshots.provide({ ...carry, slot: slotId(4) })), /no carry of slot 4/)
  snapshots.release(id)
  assert.match(String(await snapshots.provide(range)), /released/)
})

test('the queue of examples: all who wait are served, examples stay until a later one is committed', async () => {
  const queue = new ExampleQueue()
  const example = (slot: number, draw: number) => ({
    ...take(slot, draw),
    puzzle: 1,
    inputs: new Uint8Array(1),
    labels: new Uint8Array(1),
  })
  const waits = [queue.await([take(0, 0), take(1, 0)]), queue.await([take(1, 0)])]
  queue.add(example(1, 0))
  queue.add(example(0, 0))
  assert.deepEqual(
    (await Promise.all(waits)).map(({ length }) => length),
    [2, 1],
  )
  queue.add(example(0, 1))
  queue.forget(slotId(0), drawOf(0))
  assert.equal(queue.find(slotId(0), drawOf(0))?.draw, 0, 'a discarded step begins it again')
  queue.forget(slotId(0), drawOf(1))
  assert.equal(queue.find(slotId(0), drawOf(0)), undefined)
  queue.keepOnly([slotId(1)])
  assert.equal(queue.size, 1)
})

test('a carry that is between two workers is found under the name of any membership, the newest first', async () => {
  const snapshots = new Snapshots()
  const copyOf = (slot: number, value: number) => {
    const nothing = new Float32Array(0)
    const dense = { dense: null, elements: 0, hInit: nothing, lInit: nothing, mean: nothing }
    return Promise.resolve({ ...dense, carries: Float32Array.of(value), slots: [slotId(slot)] })
  }
  const ask = async (snapshot: string, slot: number): Promise<number | string> => {
    const range = {
      snapshot: snapshot as SnapshotId,
      segment: 'carry',
      slot: slotId(slot),
      offset: 0,
      length: 4,
    } as const
    const bytes = await snapshots.provide(range)
    return typeof bytes === 'string' ? bytes : (new Float32Array(Uint8Array.from(bytes).buffer)[0] ?? NaN)
  }
  snapshots.add(joinCopy(epochOf(4)), copyOf(1, 10))
  snapshots.add(joinCopy(epochOf(5)), copyOf(1, 20))
  snapshots.add(boundaryCopy(stepOf(7), epochOf(5)), copyOf(2, 30))
  // The order of epoch 3 was lost; that of 4 was not.
  assert.equal(await ask('join-3', 1), 20)
  assert.equal(await ask('join-4', 1), 10)
  assert.match(String(await ask('join-3', 2)), /never taken/)
  assert.match(String(await ask('step-7-5', 1)), /has no carry/)
  snapshots.settled()
  assert.match(String(await ask('join-4', 1)), /never taken/)
})
