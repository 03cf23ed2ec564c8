import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WireError } from '../../shared/errors.js'
import { addWire, decodeBf16, decodeWire, encodeBf16, encodeWire, roundToWire } from '../../shared/gradients/bf16.js'
import { firstNonFinite } from '../../shared/gradients/finite.js'

const fromBits = (...bits: number[]): Float32Array => new Float32Array(Uint32Array.from(bits).buffer)
const encoded = (values: Float32Array): number[] => {
  const into = new Uint16Array(values.length)
  encodeBf16(values, into)
  return [...into]
}

test('ties go to the even neighbour, everything else to the nearest', () => {
  const cases: [number, number][] = [
    [0x3f808000, 0x3f80],
    [0x3f818000, 0x3f82],
    [0x3f808001, 0x3f81],
    [0x3f807fff, 0x3f80],
    [0xbf818000, 0xbf82],
    [0x7f7fffff, 0x7f80], // the largest f32 lies nearer to infinity than to the largest bf16
    [0x00008000, 0x0000],
    [0x00018000, 0x0002],
  ]
  for (const [from, to] of cases) assert.deepEqual(encoded(fromBits(from)), [to], from.toString(16))
})

test('NaN stays NaN whatever its payload; infinities and signed zeros stay', () => {
  for (const nan of [0x7f800001, 0x7fffffff, 0xff800001, 0x7fc00000]) {
    const back = new Float32Array(1)
    decodeBf16(Uint16Array.from(encoded(fromBits(nan))), back)
    assert.ok(Number.isNaN(back[0]), nan.toString(16))
  }
  assert.deepEqual(encoded(Float32Array.of(Infinity, -Infinity, 0, -0)), [0x7f80, 0xff80, 0, 0x8000])
})

test('all 65,536 bf16 values survive decode and encode, NaN as NaN', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
  const values = new Float32Array(65536)
  decodeBf16(all, values)
  const back = encoded(values)
  for (let i = 0; i < 65536; i++) {
    if (Number.isNaN(values[i])) assert.ok((back[i]! & 0x7fff) > 0x7f80)
    else assert.equal(back[i], i)
  }
})

for (const wire of ['bf16', 'f32'] as const) {
  const bytesEach = wire === 'bf16' ? 2 : 4
  for (const shift of [0, 1, 2, 3]) {
    test(`${wire} at address ${shift} mod 4: encode, decode and add agree`, () => {
      const values = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 10 ** (i % 7))
      const bytes = new Uint8Array(values.length * bytesEach + shift).subarray(shift)
      encodeWire(values, wire, bytes)
      const decoded = new Float32Array(values.length)
      decodeWire(bytes, wire, decoded)
      const rounded = values.slice()
      roundToWire(rounded, wire)
      assert.deepEqual(decoded, rounded)
      const start = Float32Array.from(values, (x) => x / 3)
      const sum = start.slice()
      addWire(bytes, wire, sum)
      assert.deepEqual(
        sum,
        start.map((x, i) => x + rounded[i]!),
      )
    })
  }
  test(`${wire} of the wrong length is refused`, () => {
    const bytes = new Uint8Array(3 * bytesEach)
    const values = new Float32Array(4)
    assert.throws(() => decodeWire(bytes, wire, values), WireError)
    assert.throws(() => encodeWire(values, wire, bytes), WireError)
    assert.throws(() => addWire(bytes, wire, values), WireError)
  })
}

test('the first number that is none is found', () => {
  assert.equal(firstNonFinite(Float32Array.of(1, -0, 3.4e38)), -1)
  assert.equal(firstNonFinite(Float32Array.of(1, NaN, Infinity)), 1)
  assert.equal(firstNonFinite(Float32Array.of(1, 2, -Infinity)), 2)
})
