// int8 on the wire: what a block may be off by, what it never hides, and that feedback gives back what rounding took.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileConfig } from '../../shared/config/compile.js'
import type { ReduceConfig } from '../../shared/config/run-config.js'
import { addWire, decodeWire, encodeWire, roundToWire } from '../../shared/gradients/bf16.js'
import { planBuckets, wireLength } from '../../shared/gradients/buckets.js'
import { Sender } from '../../shared/gradients/feedback.js'
import { BLOCK, BLOCK_BYTES, encodeInt8 } from '../../shared/gradients/int8.js'
import { OwnedBuckets } from '../../shared/gradients/owner.js'
import { epochOf, stepOf, workerId } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'

const reduceOf = (wire: string): ReduceConfig =>
  compileConfig({ preset: 'tiny', env: {}, flags: { 'reduce.wire': wire } }).reduce

const arrived = (values: Float32Array): Float32Array => {
  const bytes = new Uint8Array(wireLength(values.length, 'int8'))
  encodeWire(values, 'int8', bytes)
  const back = new Float32Array(values.length)
  decodeWire(bytes, 'int8', back)
  return back
}
const bits = (values: Float32Array): number[] => [...new Uint32Array(values.slice().buffer)]
const finite = fc.float({ noNaN: true, noDefaultInfinity: true })
/** Gradients of many sizes, some as large and as small as f32 goes. */
const gradient = fc.array(finite, { minLength: 1, maxLength: 3 * BLOCK }).map((list) => Float32Array.from(list))

test('no number is off by more than half the scale of its own block', () => {
  fc.assert(
    fc.property(gradient, (values) => {
      const back = arrived(values)
      for (let from = 0; from < values.length; from += BLOCK) {
        const block = values.subarray(from, from + BLOCK)
        const most = block.reduce((so, x) => Math.max(so, Math.abs(x)), 0)
        // The scale and the product are themselves rounded to f32: 2^-20 is more than that; below 2^-140 f32 has no digits for a scale.
        const bound = (most / 127 / 2) * (1 + 2 ** -14) + 2 ** -140
        block.forEach((x, i) => assert.ok(Math.abs(back[from + i]! - x) <= bound, `${x} came as ${back[from + i]}, block of ${most}`)) // prettier-ignore
      }
    }),
    { numRuns: 300 },
  )
})

test('a large number costs precision in its own block only, and zeros stay zeros', () => {
  const values = new Float32Array(3 * BLOCK).fill(0.001)
  values[BLOCK + 7] = 1000
  values.fill(0, 2 * BLOCK)
  const back = arrived(values)
  assert.ok(Math.abs(back[0]! - 0.001) < 1e-9)
  assert.equal(back[BLOCK], 0)
  assert.ok(Math.abs(back[BLOCK + 7]! - 1000) < 1e-3)
  assert.ok(back.subarray(2 * BLOCK).every((x) => x === 0))
})

test('NaN and infinities are never hidden: their block arrives as NaN, in a part and in a sum', () => {
  for (const bad of [NaN, Infinity, -Infinity])
    for (const at of [0, 100, BLOCK - 1, BLOCK, BLOCK + 43]) {
      const values = Float32Array.from({ length: BLOCK + 44 }, (_, i) => Math.sin(i))
      values[at] = bad
      const back = arrived(values)
      const first = at < BLOCK ? [0, BLOCK] : [BLOCK, values.length]
      back.forEach((x, i) => assert.equal(Number.isNaN(x), i >= first[0]! && i < first[1]!, `${bad} at ${at}: ${i}`))
      const bytes = new Uint8Array(wireLength(values.length, 'int8'))
      encodeWire(values, 'int8', bytes)
      const sum = new Float32Array(values.length)
      addWire(bytes, 'int8', sum)
      assert.ok(Number.isNaN(sum[at]))
    }
  // Nor does what is carried along hide it, nor is NaN carried along.
  const sender = new Sender(2, 'int8')
  const bytes = new Uint8Array(wireLength(2, 'int8'))
  const back = new Float32Array(2)
  sender.encode(Float32Array.of(1, NaN), 0, bytes)
  decodeWire(bytes, 'int8', back)
  assert.ok(Number.isNaN(back[1]))
  sender.settle(1)
  sender.encode(Float32Array.of(1, 2), 0, bytes)
  decodeWire(bytes, 'int8', back)
  assert.ok(back.every(Number.isFinite))
})

test('the largest numbers of f32 stay finite, and a sum beyond them does not', () => {
  const most = 3.4028234663852886e38
  assert.ok(arrived(Float32Array.of(most, -most, 1)).every(Number.isFinite))
  const bytes = new Uint8Array(wireLength(1, 'int8'))
  encodeInt8(Float32Array.of(most), bytes, Float32Array.of(most), new Float32Array(1))
  const back = new Float32Array(1)
  decodeWire(bytes, 'int8', back)
  assert.ok(Number.isNaN(back[0]))
})

test('at any address: encode, decode, add and round agree; lengths are those of the blocks', () => {
  const values = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 10 ** (i % 7))
  assert.equal(wireLength(5000, 'int8'), 5000 + 4 * 20)
  for (const shift of [0, 1, 2, 3]) {
    const bytes = new Uint8Array(wireLength(5000, 'int8') + shift).subarray(shift)
    encodeWire(values, 'int8', bytes)
    const decoded = new Float32Array(5000)
    decodeWire(bytes, 'int8', decoded)
    assert.deepEqual(bits(decoded), bits(arrived(values)))
    const rounded = values.slice()
    roundToWire(rounded, 'int8')
    assert.deepEqual(bits(rounded), bits(decoded))
    const sum = Float32Array.from(values, (x) => x / 3)
    const wanted = sum.map((x, i) => x + decoded[i]!)
    addWire(bytes, 'int8', sum)
    assert.deepEqual(bits(sum), bits(wanted))
    assert.throws(() => decodeWire(bytes.subarray(1), 'int8', decoded), /5079 bytes where 5080 were due/)
  }
})

test('buckets are whole blocks, so where they are cut changes no bit; a bucket fits its bytes', () => {
  const reduce = reduceOf('int8')
  const values = Float32Array.from({ length: 10_001 }, (_, i) => Math.cos(i) / (1 + (i % 13)))
  const whole = arrived(values)
  for (const bucketBytes of [BLOCK_BYTES, 1000, 4096]) {
    const back = new Float32Array(values.length)
    for (const { from, to } of planBuckets(values.length, { ...reduce, bucketBytes })) {
      assert.ok(wireLength(to - from, 'int8') <= bucketBytes)
      back.set(arrived(values.subarray(from, to)), from)
    }
    assert.deepEqual(bits(back), bits(whole))
  }
})

/** Sends steps of a gradient. @returns per number, what was meant and what arrived, both summed over all steps */
function overSteps(steps: number, send: (values: Float32Array, step: number) => Float32Array) {
  const size = 700
  const meant = new Float64Array(size)
  const got = new Float64Array(size)
  for (let step = 1; step <= steps; step++) {
    const rng = rngFor(step, 'gradient', 0, 0)
    // A steady part far below the scale of its block, which plain rounding would lose for ever, and noise.
    const values = Float32Array.from({ length: size }, (_, i) => (i % 50 === 0 ? rng.uniform() - 0.5 : 0.0004))
    const back = send(values, step)
    values.forEach((x, i) => (meant[i] = meant[i]! + x))
    back.forEach((x, i) => (got[i] = got[i]! + x))
  }
  return { off: Math.max(...meant.map((x, i) => Math.abs(x - got[i]!))), steady: [meant[1]!, got[1]!] as const }
}

test('over steps, what arrives sums to what was meant, but for one rounding; without feedback it does not', () => {
  const sender = new Sender(700, 'int8')
  const bytes = new Uint8Array(wireLength(700, 'int8'))
  const fed = overSteps(400, (values, step) => {
    sender.settle(step - 1)
    sender.encode(values, 0, bytes)
    const back = new Float32Array(700)
    decodeWire(bytes, 'int8', back)
    return back
  })
  assert.ok(fed.off < 0.5 / 127, `off by ${fed.off}`)
  const plain = overSteps(400, (values) => arrived(values))
  assert.ok(plain.off > 0.1)
  assert.equal(plain.steady[1], 0)
  assert.ok(Math.abs(fed.steady[0] - fed.steady[1]) < 0.5 / 127)
})

test('both ways: the means that an owner hands out sum to the truth too, over steps and workers', () => {
  const team = ['a', 'b', 'c'].map((id) => workerId(id))
  const size = 700
  const reduce: ReduceConfig = { ...reduceOf('int8'), topology: 'star', bucketBytes: 4096 }
  const buckets = planBuckets(size, reduce)
  const mean = new Float32Array(size)
  const owner = new OwnedBuckets('coordinator', buckets, reduce, ({ from, to }, bytes) =>
    decodeWire(bytes, 'int8', mean.subarray(from, to)),
  )
  owner.assign(epochOf(1), stepOf(0), team)
  const senders = team.map(() => new Sender(size, 'int8'))
  const bytes = new Uint8Array(wireLength(size, 'int8'))
  const { off } = overSteps(300, (values, step) => {
    team.forEach((id, i) => {
      // The parts of three workers that add up to the values.
      const part = values.map((x) => (x * (i + 1)) / 6)
      senders[i]!.settle(step - 1)
      senders[i]!.encode(part, 0, bytes)
      owner.offer(epochOf(1), stepOf(step), 0, id, bytes)
    })
    return mean
  })
  // Three senders and one owner round once each.
  assert.ok(off < (4 * 0.5) / 127, `off by ${off}`)
})

const encoded = (sender: Sender, values: Float32Array): string => {
  const bytes = new Uint8Array(wireLength(values.length, 'int8'))
  sender.encode(values, 0, bytes)
  return Buffer.from(bytes).toString('hex')
}

const waves = (k: number): Float32Array => Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * k) / k)

test('a discarded step leaves nothing behind: sent again, it is the same bytes', () => {
  const [calm, troubled] = [new Sender(64, 'int8'), new Sender(64, 'int8')]
  const first = waves(1)
  const second = waves(2)
  for (const sender of [calm, troubled]) {
    encoded(sender, first)
    sender.settle(1)
  }
  const wanted = encoded(calm, second)
  assert.equal(encoded(troubled, second), wanted)
  assert.equal(encoded(troubled, second), wanted, 'asked for again within the step')
  // Discarded: the new epoch names step 1 as the last committed one. What was tried in between does not matter.
  troubled.settle(1)
  encoded(troubled, waves(9))
  troubled.settle(1)
  assert.equal(encoded(troubled, second), wanted)
  // Step 2 commits; one of them hears of it from the next assignment only.
  calm.settle(2)
  troubled.settle(2)
  troubled.settle(2)
  assert.equal(encoded(troubled, first), encoded(calm, first))
  assert.notEqual(encoded(calm, first), encoded(new Sender(64, 'int8'), first), 'something is carried')
})

test('a new team, and a run that goes back to a checkpoint, begin at zero', () => {
  const values = Float32Array.of(1, 0.3, 0.0123)
  const fresh = encoded(new Sender(3, 'int8'), values)
  const carrying = (): Sender => {
    const sender = new Sender(3, 'int8')
    for (const step of [1, 2, 3]) {
      encoded(sender, values)
      sender.settle(step)
    }
    assert.notEqual(encoded(sender, values), fresh)
    return sender
  }
  const other = carrying()
  other.reset(3)
  assert.equal(encoded(other, values), fresh)
  const back = carrying()
  back.settle(1)
  assert.equal(encoded(back, values), fresh)
})

test('mode exact is refused: what is carried would depend on the workers', () => {
  const flags = { 'reduce.wire': 'int8', 'reduce.mode': 'exact' }
  assert.throws(() => compileConfig({ preset: 'tiny', env: {}, flags }), /reduce\.wire must be bf16 or f32 for reduce\.mode exact/) // prettier-ignore
})
