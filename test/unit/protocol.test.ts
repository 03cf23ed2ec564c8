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
import { anyBeacon, senderOf, subjectsOf, wireKindOf } from '../../shared/protocol/subjects.js'

const data = Uint8Array.of(1, 2, 3, 255)
const at = { epoch: 3, step: 7 }
const sums = {
  ...{ lossTotal: 1.5, lmLoss: NaN, qHaltLoss: Infinity, count: 3 },
  ...{ accuracy: 0.1, exactAccuracy: 0, qHaltAccuracy: 1, steps: 12 },
}

/** One of each. A change here is a change of the protocol: PROTOCOL_VERSION must grow with it. */
const MESSAGES: Readonly<Record<Channel, readonly Readonly<Record<string, unknown>>[]>> = {
  hello: [{ type: 'hello', worker: 'w-1', run: 'r', protocol: 1, label: 'l', host: 'h', pid: 4, metrics: '' }],
  helloReply: [
    { type: 'welcome', coordinator: 'c-1', run: 'r', config: '{}', data: 'abc' },
    { type: 'refused', refusal: 'run-is-over', why: 'done' },
  ],
  worker: [
    { type: 'prepared', layout: 'aa', backend: 'wasm', device: 'CPU', precision: 'f32' },
    { type: 'ready', epoch: 3, params: 'ff' },
    { type: 'beat', ...at, phase: 'reducing', rss: 2 ** 40, gapMs: 0.25, wireIn: 1, wireOut: 2 },
    { type: 'rowGradients', ...at, first: 2, data },
    { type: 'result', ...at, sums, halted: data, steps: data },
    { type: 'vote', ...at, finite: true, mean: 'a', params: 'b', norm: 0.5, phases: [1, 2.5] },
    { type: 'snapshotReady', snapshot: 'step-7-3', step: 7 },
    { type: 'evaluated', evaluation: 1, unit: 2, preds: data, q: data, halts: data },
    {
      ...{ type: 'measured', measurement: 1, failure: '', parameters: 15_000_000, recompute: false },
      train: { steps: 2, samples: 4, tokens: 4000, seconds: 1.5, joules: NaN, warm: true },
      answer: { answers: 1, promptSeconds: 0.5, tokens: 20, tokenSeconds: 0.25, joules: 3 },
      ...{ restBytes: 1, peakBytes: 2 ** 34, energy: 'not told' },
    },
    { type: 'leaving', why: 'asked' },
    { type: 'trouble', code: 'x', message: 'm', remedy: 'r' },
  ],
  coordinator: [
    {
      ...{ type: 'assign', ...at, members: ['w-1', 'w-2'], slots: [0, 1], carry: ['keep', 'pull'] },
      ...{ draws: [1, 2], steps: [0, 3], source: 'self', snapshot: 'join-3' },
    },
    { type: 'examples', slots: [1], draws: [2], puzzles: [900_000], inputs: data, labels: data },
    { type: 'rows', ...at, first: 0, data },
    { type: 'begin', ...at, slots: [], draws: [], frozen: true },
    { type: 'commit', ...at },
    { type: 'discard', ...at, why: 'stalled' },
    { type: 'snapshot', snapshot: 's', step: 7, dense: true },
    { type: 'release', snapshot: 's' },
    { type: 'evaluate', evaluation: 1, unit: 0, inputs: data, rows: data, steps: [1, 16], early: true, cycles: false },
    {
      ...{ type: 'measure', measurement: 1, subject: 'llm-15m-lora', seconds: 10.5, tokens: data },
      ...{ lengths: [2], prompts: [1], inputs: data, labels: data },
    },
    { type: 'rejoin', why: 'unknown' },
    { type: 'stop', why: 'done', finished: true },
  ],
  gradients: [
    { type: 'part', ...at, bucket: 0, source: 'w-1', crc: 2 ** 32 - 1, data },
    { type: 'mean', ...at, bucket: 0, crc: 0, data },
  ],
  pull: [{ type: 'pull', snapshot: 's', segment: 'ema', slot: 0, offset: 2 ** 33, length: 8 }],
  pullReply: [
    { type: 'range', crc: 1, data },
    { type: 'gone', why: 'released' },
  ],
  beacon: [{ type: 'beacon', run: 'r', coordinator: 'c-1', ...at }],
}
const ALL = Object.entries(MESSAGES).flatMap(([channel, messages]) =>
  messages.map((message) => [channel as Channel, message] as const),
)
const packed = (channel: Channel, message: object): Uint8Array =>
  encode(channel, message as unknown as MessageOf<typeof channel>)

describe('codec', () => {
  test('knows these messages and no others', () => {
    assert.equal(PROTOCOL_VERSION, 4)
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

  test('floats pass as bits, from any offset', () => {
    const floats = Float32Array.of(1.5, -0, NaN, 3e-39)
    const shifted = new Uint8Array(17)
    shifted.set(bytesOf(floats), 1)
    assert.deepEqual(bytesOf(floatsOf(shifted.subarray(1))), bytesOf(floats))
    assert.throws(() => floatsOf(new Uint8Array(5)), WireError)
  })
})

test('subjects are what server permissions were written for', () => {
  const w = workerId('w-1')
  const s = subjectsOf(runId('r'))
  assert.deepEqual(
    [
      ...[s.beacon, s.hello, s.toCoordinator(w), s.anyToCoordinator, s.toWorker(w), s.part('coordinator', w)],
      ...[s.partsFor(w), s.mean(w), s.state('coordinator'), anyBeacon],
    ],
    [
      ...['trmesh.r.beacon', 'trmesh.r.hello', 'trmesh.r.c.w-1', 'trmesh.r.c.*', 'trmesh.r.w.w-1'],
      ...['trmesh.r.part.coordinator.w-1', 'trmesh.r.part.w-1.*', 'trmesh.r.mean.w-1', 'trmesh.r.state.coordinator'],
      'trmesh.*.beacon',
    ],
  )
  assert.equal(senderOf(s.toCoordinator(w)), w)
  assert.deepEqual([s.part(w, w), s.mean(w), s.state(w), s.beacon].map(wireKindOf), [
    'parts',
    'means',
    'state',
    'messages',
  ])
})
