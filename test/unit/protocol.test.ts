// The wire: every message survives the way there, nothing else does, and what peers of one version rely on does not change
// unnoticed.
import { bytesOf } from '../../shared/bytes.js'
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { WireError } from '../../shared/errors.js'
import { runId, workerId } from '../../shared/ids.js'
import { decode, encode, floatsOf } from '../../shared/protocol/codec.js'
import { CHANNELS, PROTOCOL_VERSION, type Channel, type MessageOf } from '../../shared/protocol/messages.js'
import { anyBeacon, helloFrom, senderOf, subjectsOf, wireKindOf } from '../../shared/protocol/subjects.js'
import { crc32 } from '../../shared/protocol/crc32.js'
import { MESSAGES } from '../helpers/messages.js'

const ALL = Object.entries(MESSAGES).flatMap(([channel, messages]) =>
  messages.map((message) => [channel as Channel, message] as const),
)
const packed = (channel: Channel, message: object): Uint8Array =>
  encode(channel, message as unknown as MessageOf<typeof channel>)
/** With the checksum that belongs in front. */
const sealed = (body: ArrayLike<number>): Uint8Array => {
  const bytes = Uint8Array.from([0, 0, 0, 0, ...Array.from(body)])
  new DataView(bytes.buffer).setUint32(0, crc32(bytes.subarray(4)), true)
  return bytes
}

describe('codec', () => {
  test('knows these messages and no others', () => {
    assert.equal(PROTOCOL_VERSION, 11)
    for (const [channel, messages] of Object.entries(MESSAGES))
      assert.deepEqual(
        Object.keys(CHANNELS[channel as Channel]).sort(),
        messages.map(({ type }) => type).sort(),
        channel,
      )
  })

  test('every message arrives as it was sent', () => {
    for (const [channel, message] of ALL) {
      const got = decode(channel, Uint8Array.from(packed(channel, message))) as unknown as Record<string, unknown>
      for (const [key, value] of Object.entries(message))
        assert.deepEqual(
          value instanceof Uint8Array ? [...(got[key] as Uint8Array)] : got[key],
          value instanceof Uint8Array ? [...value] : value,
          `${channel} ${String(message['type'])}.${key}`,
        )
      assert.deepEqual(Object.keys(got).sort(), Object.keys(message).sort())
    }
  })

  test('a field that is missing or of another type is named', () => {
    // Any number will do for these; all others are counts.
    const anyNumber = ['gapMs', 'norm', 'seconds']
    for (const [channel, message] of ALL)
      for (const key of Object.keys(message).filter((name) => name !== 'type')) {
        for (const wrong of [undefined, null, { a: 1 }, -1.5])
          if (!(wrong === -1.5 && anyNumber.includes(key)))
            assert.throws(
              () => decode(channel, packed(channel, { ...message, [key]: wrong })),
              (error: unknown) => error instanceof WireError && error.message.includes(key),
              `${channel} ${String(message['type'])}.${key} = ${JSON.stringify(wrong)}`,
            )
      }
  })

  test('a message of another channel, an unknown one, one cut short, and noise are refused', () => {
    for (const [channel, message] of ALL) {
      const bytes = packed(channel, message)
      for (const other of Object.keys(MESSAGES) as Channel[])
        if (other !== channel) assert.throws(() => decode(other, bytes), WireError)
      for (const length of [0, 1, bytes.length >> 1, bytes.length - 1])
        assert.throws(() => decode(channel, bytes.subarray(0, length)), WireError)
    }
    for (const type of ['toString', '__proto__', 'constructor', 7, null])
      assert.throws(() => decode('worker', packed('worker', { type })), WireError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        assert.throws(() => decode('worker', noise), WireError)
      }),
    )
  })

  test('any bit that flips on the way is noticed', () => {
    for (const [channel, message] of ALL) {
      const bytes = Uint8Array.from(packed(channel, message))
      for (let bit = 0; bit < bytes.length * 8; bit += 5) {
        const damaged = Uint8Array.from(bytes)
        damaged[bit >> 3]! ^= 1 << (bit & 7)
        assert.throws(() => decode(channel, damaged), WireError)
      }
    }
  })

  test('what msgpack allows and no message of ours has is refused before it is decoded', () => {
    const types: Record<string, number[]> = {
      'a number of any length': [0xc7, 9, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      'a regular expression': [0xc7, 4, 0x78, 0x92, 0xa1, 0x61, 0xa0],
      'a date': [0xd6, 0xff, 0, 0, 0, 1],
    }
    for (const [what, bytes] of Object.entries(types)) {
      const message = Uint8Array.of(0x81, 0xa4, ...Buffer.from('type'), ...bytes)
      assert.throws(() => decode('worker', sealed(message)), /no message of ours has/, what)
    }
    const deep = Uint8Array.of(0x81, 0xa4, ...Buffer.from('type'), ...new Uint8Array(100_000).fill(0x91), 0xc0)
    assert.throws(() => decode('worker', sealed(deep)), /nested too deeply/)
  })

  test('lists and maps that announce more than there is are refused before they are decoded', () => {
    const lists = Array.from({ length: 12 }, () => [0xdd, 0x01, 0xff, 0xff, 0xff]).flat()
    assert.throws(() => decode('worker', sealed(lists)), /announces more than it holds/)
    const map = Uint8Array.of(0xdf, 0x00, 0x00, 0x00, 0x02, 0xa1, 0x61, 0x01)
    assert.throws(() => decode('worker', sealed(map)), /announces more than it holds/)
  })

  test('floats pass as bits, from any offset', () => {
    const floats = Float32Array.of(1.5, -0, NaN, 3e-39)
    const shifted = new Uint8Array(17)
    shifted.set(bytesOf(floats), 1)
    assert.deepEqual(bytesOf(floatsOf(shifted.subarray(1))), bytesOf(floats))
    assert.throws(() => floatsOf(new Uint8Array(5)), WireError)
  })
})

test('subjects are what server permissions were written for', () => {
  const w = workerId('gpu-0-1')
  const s = subjectsOf(runId('r'))
  assert.deepEqual(
    [
      ...[s.beacon, s.hello(w), s.anyHello, s.toCoordinator(w), s.anyToCoordinator, s.toWorker(w)],
      ...[s.part('coordinator', w), s.partsFor(w), s.mean(w), s.state('coordinator'), anyBeacon],
    ],
    [
      ...['trmesh.r.beacon', 'trmesh.r.hello.gpu-0.gpu-0-1', 'trmesh.r.hello.*.*'],
      ...['trmesh.r.c.gpu-0.gpu-0-1', 'trmesh.r.c.*.*', 'trmesh.r.w.gpu-0.gpu-0-1'],
      ...['trmesh.r.part.coordinator.coordinator.gpu-0.gpu-0-1', 'trmesh.r.part.gpu-0.gpu-0-1.*.*'],
      ...['trmesh.r.mean.gpu-0.gpu-0-1', 'trmesh.r.state.coordinator.coordinator'],
      'trmesh.*.beacon',
    ],
  )
  assert.equal(senderOf(s.toCoordinator(w)), w)
  assert.throws(() => senderOf('trmesh.r.c.gpu-1.gpu-0-1'), WireError)
  const hello = encode('hello', {
    type: 'hello',
    worker: w,
    run: 'r',
    protocol: 1,
    label: 'l',
    host: 'h',
    pid: 4,
    metrics: '',
  })
  assert.equal(helloFrom(hello, s.hello(w)).worker, w)
  assert.throws(() => helloFrom(hello, s.hello(workerId('gpu-0-2'))), WireError)
  assert.deepEqual([s.part(w, w), s.mean(w), s.state(w), s.beacon].map(wireKindOf), [
    'parts',
    'means',
    'state',
    'messages',
  ])
})
