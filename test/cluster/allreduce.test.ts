// All-reduce over a real bus: whoever sums, the bits are those of a plain sum in slot order; what does not belong is dropped.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { StarOwner } from '../../coordinator/star-owner.js'
import { connectBus, type Bus } from '../../shared/bus/bus.js'
import type { ReduceConfig } from '../../shared/config/run-config.js'
import { addWire, decodeWire, encodeBf16 } from '../../shared/gradients/bf16.js'
import { planBuckets, wireLength } from '../../shared/gradients/buckets.js'
import { Sender } from '../../shared/gradients/feedback.js'
import { epochOf, runId, stepOf, workerId } from '../../shared/ids.js'
import { encode } from '../../shared/protocol/codec.js'
import { crc32 } from '../../shared/protocol/crc32.js'
import { subjectsOf } from '../../shared/protocol/subjects.js'
import { rngFor } from '../../shared/rng/counter.js'
import { AllReduce, type Dropped } from '../../worker/allreduce.js'
import { afterwards, natsFor, until, withoutNats } from '../helpers/cluster.js'

const options = { skip: withoutNats, timeout: 60_000 }
const ELEMENTS = 10_001
const subjects = subjectsOf(runId('r'))

async function busOf(t: TestContext, url: string): Promise<Bus> {
  const bus = await connectBus({ url, credentials: '', name: 'test', inFlightBytes: 1 << 16 })
  afterwards(t, () => bus.close())
  return bus
}

/** The sums that every topology must give: each part rounded to the wire, added in order, the sum rounded again. */
class PlainSum {
  private readonly senders: Sender[]
  private readonly owner: Sender

  constructor(
    private readonly wire: ReduceConfig['wire'],
    members: number,
  ) {
    this.senders = Array.from({ length: members }, () => new Sender(ELEMENTS, wire))
    this.owner = new Sender(ELEMENTS, wire)
  }

  /** @param step the one before it has been committed */
  of(grads: readonly Float32Array[], step: number): Float32Array {
    const sum = new Float32Array(ELEMENTS)
    const bytes = new Uint8Array(wireLength(ELEMENTS, this.wire))
    grads.forEach((grad, i) => {
      this.senders[i]!.settle(step - 1)
      this.senders[i]!.encode(grad, 0, bytes)
      if (i === 0) decodeWire(bytes, this.wire, sum)
      else addWire(bytes, this.wire, sum)
    })
    this.owner.settle(step - 1)
    this.owner.encode(sum, 0, bytes)
    decodeWire(bytes, this.wire, sum)
    return sum
  }
}

const bits = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength)

async function ring(
  t: TestContext,
  url: string,
  count: number,
  reduce: ReduceConfig,
  onDropped: (why: Dropped) => void,
) {
  const team = Array.from({ length: count }, (_, i) => workerId(`w${i}`))
  const members = []
  for (const me of team) {
    const bus = await busOf(t, url)
    const buffers = { grad: new Float32Array(ELEMENTS), mean: new Float32Array(ELEMENTS) }
    const allreduce = new AllReduce(bus, subjects, me, reduce, buffers, onDropped)
    allreduce.assign(epochOf(1), stepOf(0), team)
    afterwards(t, () => allreduce.close())
    members.push({ allreduce, bus, ...buffers })
  }
  const central = await busOf(t, url)
  const star = new StarOwner(
    ...([central, subjects, planBuckets(ELEMENTS, reduce), reduce] as const),
    () => undefined,
    () => undefined,
  )
  star.assign(epochOf(1), stepOf(0), team)
  afterwards(t, () => star.close())
  for (const { bus } of [...members, { bus: central }]) await bus.flush()
  return { members, star }
}

test(
  'two, three and four workers, star and sharded, f32, bf16 and int8: the bits of a plain sum in slot order',
  options,
  async (t) => {
    const { url } = await natsFor(t)
    for (const count of [1, 2, 3, 4])
      for (const topology of ['sharded', 'star'] as const)
        for (const wire of ['f32', 'bf16', 'int8'] as const) {
          const reduce = { topology, wire, mode: 'fast' as const, group: 1, bucketBytes: 4096, inFlightBytes: 1 << 16 }
          const plain = new PlainSum(wire, count)
          const { members } = await ring(t, url, count, reduce, (why) =>
            assert.fail(`${topology} ${wire}: dropped ${why}`),
          )
          for (const step of [1, 2, 3]) {
            for (const [i, { grad }] of members.entries()) {
              const rng = rngFor(step, 'grad', i, count)
              for (let k = 0; k < ELEMENTS; k++) grad[k] = rng.uniform() * 2 - 1
            }
            const wanted = plain.of(
              members.map(({ grad }) => grad),
              step,
            )
            // A device may have rounded it already.
            const halves = wire === 'bf16' && step === 2
            if (halves)
              for (const { grad } of members)
                encodeBf16(grad.slice(), new Uint16Array(grad.buffer, grad.byteOffset, ELEMENTS))
            await Promise.all(
              members.map(({ allreduce }) => allreduce.run(epochOf(1), stepOf(step), undefined, halves)),
            )
            for (const { mean } of members) assert.ok(bits(mean).equals(bits(wanted)), `${count} ${topology} ${wire}`)
          }
          for (const { allreduce } of members) allreduce.close()
        }
  },
)

test('garbage, damaged, duplicate and stale messages are counted, dropped, and change nothing', options, async (t) => {
  const { url } = await natsFor(t)
  const dropped: Dropped[] = []
  const reduce = {
    topology: 'sharded',
    wire: 'f32',
    mode: 'fast',
    group: 1,
    bucketBytes: 4096,
    inFlightBytes: 1 << 16,
  } as const
  const { members } = await ring(t, url, 2, reduce, (why) => dropped.push(why))
  members.forEach(({ grad }, i) => grad.fill(i + 1))
  const [w0, w1] = [workerId('w0'), workerId('w1')]
  const data = new Uint8Array(4096).fill(9)
  const part = {
    type: 'part',
    epoch: epochOf(1),
    step: stepOf(1),
    bucket: 0,
    node: 0,
    source: w1,
    crc: crc32(data),
    data,
  } as const
  const enemy = await busOf(t, url)
  const send = (bytes: Uint8Array): void => enemy.publish(subjects.part(w0, w1), bytes)
  send(Uint8Array.of(0xc1, 1, 2, 3))
  send(encode('gradients', { ...part, crc: 1 }))
  send(encode('gradients', { ...part, step: stepOf(7) }))
  send(encode('gradients', { ...part, epoch: epochOf(0) }))
  send(encode('gradients', { ...part, source: workerId('stranger') }))
  send(encode('gradients', { ...part, bucket: 999 }))
  const short = data.subarray(0, 100)
  send(encode('gradients', { ...part, crc: crc32(short), data: short }))
  enemy.publish(subjects.mean(w1), encode('gradients', { ...part, type: 'mean', epoch: epochOf(3) }))
  await enemy.flush()
  await until('all eight to be dropped', () => dropped.length === 8)
  assert.deepEqual(dropped.toSorted(), [
    ...['damaged', 'garbage', 'garbage', 'garbage', 'garbage'],
    'stale',
    'stale',
    'stale',
  ])

  await Promise.all(members.map(({ allreduce }) => allreduce.run(epochOf(1), stepOf(1))))
  for (const { mean } of members) assert.ok(mean.every((value) => value === 3))
  const grad = new Uint8Array(new Float32Array(1024).fill(2).buffer)
  send(encode('gradients', { ...part, crc: crc32(grad), data: grad }))
  await enemy.flush()
  await until('the duplicate', () => dropped.at(-1) === 'duplicate')
  assert.ok(members[0]!.mean.every((value) => value === 3))
})

test('a step given up never ends, and the same step under a new epoch does', options, async (t) => {
  const { url } = await natsFor(t)
  const reduce = {
    topology: 'sharded',
    wire: 'f32',
    mode: 'fast',
    group: 1,
    bucketBytes: 4096,
    inFlightBytes: 1 << 16,
  } as const
  const {
    members: [alone, dead],
  } = await ring(t, url, 2, reduce, () => undefined)
  if (alone === undefined || dead === undefined) throw new Error('two members')
  dead.allreduce.close()
  alone.grad.fill(1)
  let ended = false
  void alone.allreduce.run(epochOf(1), stepOf(1)).then(() => (ended = true))
  await alone.bus.flush()
  alone.allreduce.assign(epochOf(2), stepOf(0), [workerId('w0')])
  await alone.allreduce.run(epochOf(2), stepOf(1))
  assert.ok(alone.mean.every((value) => value === 1))
  assert.equal(ended, false)
})

test(
  'int8: a step that is discarded and sent again under a new epoch has the same bits; a new team begins at zero',
  options,
  async (t) => {
    const { url } = await natsFor(t)
    for (const topology of ['sharded', 'star'] as const) {
      const reduce = {
        topology,
        wire: 'int8',
        mode: 'fast',
        group: 1,
        bucketBytes: 4096,
        inFlightBytes: 1 << 16,
      } as const
      const { members, star } = await ring(t, url, 2, reduce, () => undefined)
      const team = [workerId('w0'), workerId('w1')]
      const everybody = [star, ...members.map(({ allreduce }) => allreduce)]
      const plain = new PlainSum('int8', 2)
      const reduced = async (epoch: number, step: number, grads = step): Promise<Float32Array> => {
        for (const [i, { grad }] of members.entries()) {
          const rng = rngFor(grads, 'grad', i, 2)
          for (let k = 0; k < ELEMENTS; k++) grad[k] = rng.uniform() * 2 - 1
        }
        await Promise.all(members.map(({ allreduce }) => allreduce.run(epochOf(epoch), stepOf(step))))
        return members[0]!.mean.slice()
      }
      const wanted = (step: number): Float32Array =>
        plain.of(
          members.map(({ grad }) => grad),
          step,
        )
      const same = (a: Float32Array, b: Float32Array): boolean => bits(a).equals(bits(b))
      for (const step of [1, 2, 3]) assert.ok(same(await reduced(1, step), wanted(step)))
      // Step 4 comes to a mean and is discarded; what was sent then was of other numbers.
      await reduced(1, 4, 99)
      for (const one of everybody) one.assign(epochOf(2), stepOf(3), team)
      assert.ok(same(await reduced(2, 4), wanted(4)), topology)
      // Step 4 was committed, and the new epoch is the first to say so.
      for (const one of everybody) one.assign(epochOf(3), stepOf(4), team)
      assert.ok(same(await reduced(3, 5), wanted(5)), topology)
      // Other members: nobody carries anything any more.
      for (const one of everybody) one.assign(epochOf(4), stepOf(5), [workerId('w0')])
      for (const one of everybody) one.assign(epochOf(5), stepOf(5), team)
      const anew = await reduced(5, 6)
      const fresh = new PlainSum('int8', 2)
      assert.ok(
        same(
          anew,
          fresh.of(
            members.map(({ grad }) => grad),
            1,
          ),
        ),
        topology,
      )
      assert.ok(!same(anew, wanted(6)), 'it would have been something else')
      for (const { allreduce } of members) allreduce.close()
      star.close()
    }
  },
)
