// The WebAssembly kernels of the wire format against the plain loops that define them, bit for bit, at every length around
// the size of a vector and of a piece, and at any address.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addBytes, decodeHalves, encodeHalves } from '../../shared/gradients/kernels.js'

const bits = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 0x80000000, 0x7f800000, 0xff800000, 0x7f800001, 0xffffffff, 0x7f7fffff, 0x3f808000, 0x3f818000, 1),
)
const lengths = fc.constantFrom(0, 1, 7, 8, 9, 16383, 16384, 16385, 32771, 50001)

/** `length` numbers made of a few drawn ones, each changed a little so that no two vectors are alike. */
const numbers = (seeds: readonly number[], length: number): Float32Array =>
  new Float32Array(Uint32Array.from({ length }, (_, i) => seeds[i % seeds.length]! ^ Math.imul(i, 40503)).buffer)
const wordsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)
const halfOf = (word: number): number =>
  (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : ((word + 0x7fff + ((word >>> 16) & 1)) >>> 0) >>> 16
const at = (bytes: number, shift: number): Uint8Array => new Uint8Array(bytes + shift).subarray(shift)

const drawn = [fc.array(bits, { minLength: 1, maxLength: 40 }), lengths, fc.integer({ min: 0, max: 3 })] as const

test('encode rounds every number as defined', () => {
  fc.assert(
    fc.property(...drawn, (seeds, length, shift) => {
      const values = numbers(seeds, length)
      const into = at(length * 2, shift)
      encodeHalves(values, into)
      const halves = new Uint16Array(into.slice().buffer)
      assert.deepEqual(halves, Uint16Array.from(wordsOf(values), halfOf))
    }),
    { numRuns: 40 },
  )
})

test('decode and add give the bits of f32 arithmetic', () => {
  fc.assert(
    fc.property(...drawn, fc.constantFrom(2, 4), (seeds, length, shift, size) => {
      const values = numbers(seeds, length)
      const data = at(length * size, shift)
      if (size === 2) encodeHalves(values, data)
      else data.set(new Uint8Array(values.buffer))
      const decoded = values.slice()
      if (size === 2) decodeHalves(data, decoded)
      const halves = Uint32Array.from(wordsOf(values), (word) => (halfOf(word) << 16) >>> 0)
      assert.deepEqual(wordsOf(decoded), size === 2 ? halves : wordsOf(values))
      const sum = numbers([...seeds].reverse(), length)
      const expected = sum.map((value, i) => Math.fround(value + decoded[i]!))
      addBytes(data, size, sum)
      // Which NaN a sum of NaNs is, nobody defines.
      const same = (i: number): boolean => Object.is(sum[i], expected[i])
      assert.ok(sum.every((_, i) => same(i)))
    }),
    { numRuns: 40 },
  )
})
