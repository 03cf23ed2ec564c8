// What everything else relies on the bus for, against a real nats-server.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { connectBus, type Bus } from '../../shared/bus/bus.js'
import { pull, serveState } from '../../shared/bus/transfer.js'
import { BusUnreachable, WireError } from '../../shared/errors.js'
import { slotId } from '../../shared/ids.js'
import type { SnapshotId } from '../../shared/protocol/messages.js'
import { afterwards, natsFor, until, withoutNats } from '../helpers/cluster.js'

const skip = withoutNats
const options = { skip, timeout: 60_000 }

async function busOf(t: TestContext, url: string, inFlightBytes = 1 << 20): Promise<Bus> {
  const bus = await connectBus({ url, credentials: '', name: 'test', inFlightBytes })
  afterwards(t, () => bus.close())
  return bus
}

test(
  'messages of one sender arrive in order, on the subject asked for, and are counted by kind',
  options,
  async (t) => {
    const { url } = await natsFor(t)
    const [from, to] = [await busOf(t, url), await busOf(t, url)]
    const got: number[] = []
    const subjects = new Set<string>()
    to.subscribe('trmesh.r.part.x.*', (data, subject) => {
      got.push(new DataView(data.buffer, data.byteOffset).getUint32(0))
      subjects.add(subject)
    })
    await to.flush()
    for (let i = 0; i < 2000; i++) {
      const data = new Uint8Array(100)
      new DataView(data.buffer).setUint32(0, i)
      from.publish(`trmesh.r.part.x.${i % 2 === 0 ? 'a' : 'b'}`, data)
      from.publish('trmesh.r.part.y.a', data)
      await from.credit()
    }
    await until('all messages', () => got.length === 2000)
    assert.deepEqual(
      got,
      Array.from({ length: 2000 }, (_, i) => i),
    )
    assert.deepEqual([...subjects].sort(), ['trmesh.r.part.x.a', 'trmesh.r.part.x.b'])
    assert.equal(to.stats().wire.in.parts, 200_000)
    assert.equal(from.stats().wire.out.parts, 400_000)
  },
)

test('a request has its reply; without one it fails in words', options, async (t) => {
  const { url } = await natsFor(t)
  const [asking, answering] = [await busOf(t, url), await busOf(t, url)]
  answering.subscribe('q', (data, _subject, respond) => respond?.(Uint8Array.from(data).reverse()))
  answering.subscribe('mute', () => undefined)
  await answering.flush()
  assert.deepEqual([...(await asking.request('q', Uint8Array.of(1, 2, 3), 5000))], [3, 2, 1])
  for (const subject of ['nobody', 'mute'])
    await assert.rejects(asking.request(subject, new Uint8Array(1), 200), (error: unknown) => {
      assert.ok(error instanceof BusUnreachable)
      assert.match(error.message, new RegExp(`nobody answers on ${subject}`))
      return true
    })
})

test('the largest message passes; credit bounds what is in flight', options, async (t) => {
  const { url } = await natsFor(t)
  const [from, to] = [await busOf(t, url, 1 << 20), await busOf(t, url)]
  let bytes = 0
  to.subscribe('big', (data) => (bytes += data.byteLength))
  await to.flush()
  assert.ok(from.maxPayload >= 1 << 20)
  const atOnce = async (): Promise<boolean> => {
    let given = false
    void from.credit().then(() => (given = true))
    await Promise.resolve()
    return given
  }
  from.publish('big', new Uint8Array(1000))
  assert.equal(await atOnce(), true, 'little is in flight')
  for (let i = 0; i < 32; i++) {
    from.publish('big', new Uint8Array(from.maxPayload))
    if (i === 0) assert.equal(await atOnce(), false, 'more than the limit is in flight')
    await from.credit()
  }
  assert.equal(await atOnce(), true, 'the server has taken it')
  await until('all bytes', () => bytes === 1000 + 32 * from.maxPayload)
})

test('state is pulled by ranges, whatever its size; what is not served is refused in words', options, async (t) => {
  const { url } = await natsFor(t)
  const [source, sink] = [await busOf(t, url), await busOf(t, url)]
  const state = Uint8Array.from({ length: 3_000_001 }, (_, i) => i % 251)
  serveState(
    source,
    's',
    ({ segment, offset, length }) =>
      Promise.resolve(segment === 'ema' ? 'no ema here' : state.subarray(offset, offset + length)),
    () => undefined,
  )
  await source.flush()
  const range = { snapshot: 'x' as SnapshotId, slot: slotId(0), offset: 1 }
  const into = new Uint8Array(3_000_000)
  await pull(sink, 's', { ...range, segment: 'params', length: into.length }, into)
  assert.ok(Buffer.from(into).equals(Buffer.from(state.subarray(1))))
  await assert.rejects(pull(sink, 's', { ...range, segment: 'ema', length: 8 }, into), WireError)
  await assert.rejects(pull(sink, 'elsewhere', { ...range, segment: 'ema', length: 8 }, into), BusUnreachable)
})

test('a server that dies and comes back is told, and subscriptions live on', options, async (t) => {
  const nats = await natsFor(t)
  const [from, to] = [await busOf(t, nats.url), await busOf(t, nats.url)]
  const told: string[] = []
  const watching = from.onStatus(({ type }) => told.push(type))
  let got = 0
  to.subscribe('s', () => got++)
  process.kill(nats.pid, 'SIGKILL')
  await nats.ended
  await until('the loss to be told', () => told.includes('disconnected'))
  await natsFor(t, Number(new URL(nats.url).port))
  await until('both to be back', () => from.stats().reconnects === 1 && to.stats().reconnects === 1)
  assert.ok(told.includes('reconnected'))
  watching.close()
  await to.flush()
  from.publish('s', new Uint8Array(1))
  await until('a message after it', () => got === 1)
})

test('no server: one line with the remedy', options, async () => {
  await assert.rejects(
    connectBus({ url: 'nats://127.0.0.1:1', credentials: '', name: 'test', inFlightBytes: 1 }),
    (error: unknown) => {
      assert.ok(error instanceof BusUnreachable)
      assert.match(error.message, /no NATS server at nats:\/\/127\.0\.0\.1:1/)
      assert.match(error.remedy, /nats-server/)
      return true
    },
  )
})
