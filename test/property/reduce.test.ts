import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WireError } from '../../shared/errors.js'
import { encodeWire } from '../../shared/gradients/bf16.js'
import { BucketSum } from '../../shared/gradients/reduce.js'

const NAMES = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6']
const bits = (values: Float32Array): number[] => [...new Uint32Array(values.buffer.slice(0))]

function partsOf(values: readonly (readonly number[])[], wire: 'bf16' | 'f32'): Uint8Array[] {
  return values.map((part) => {
    const bytes = new Uint8Array(part.length * (wire === 'bf16' ? 2 : 4))
    encodeWire(Float32Array.from(part), wire, bytes)
    return bytes
  })
}

const bucket = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 })).chain(([sources, length]) =>
  fc.record({
    values: fc.array(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: length, maxLength: length }),
      {
        minLength: sources,
        maxLength: sources,
      },
    ),
    order: fc.shuffledSubarray([...Array(sources).keys()], { minLength: sources }),
    wire: fc.constantFrom('bf16' as const, 'f32' as const),
  }),
)

test('any order of arrival gives the bits of the sum in source order', () => {
  fc.assert(
    fc.property(bucket, ({ values, order, wire }) => {
      const parts = partsOf(values, wire)
      const names = NAMES.slice(0, parts.length)
      const length = values[0]!.length
      const inOrder = new Float32Array(length)
      const shuffled = new Float32Array(length).fill(77) // what the last step left
      const a = new BucketSum<string>(inOrder, wire)
      const b = new BucketSum<string>(shuffled, wire)
      a.begin(names)
      b.begin(names)
      parts.forEach((part, i) => assert.equal(a.offer(names[i]!, part), 'added'))
      for (const i of order) {
        assert.equal(b.done, false)
        const bytes = parts[i]!.slice()
        assert.match(b.offer(names[i]!, bytes), /added|waiting/)
        bytes.fill(255) // the network reuses its buffer
        assert.equal(b.offer(names[i]!, parts[i]!), 'duplicate')
      }
      assert.ok(a.done && b.done)
      assert.deepEqual(bits(shuffled), bits(inOrder))
    }),
    { numRuns: 300 },
  )
})

test('the sum is rounded to f32 after every source, in the order given', () => {
  const into = new Float32Array(1)
  const sum = new BucketSum<string>(into, 'f32')
  const parts = partsOf([[2 ** 24], [1], [1]], 'f32')
  sum.begin(['big', 'one', 'two'])
  sum.offer('two', parts[2]!)
  sum.offer('one', parts[1]!)
  sum.offer('big', parts[0]!)
  assert.equal(into[0], 2 ** 24)
  sum.begin(['one', 'two', 'big'])
  sum.offer('big', parts[0]!)
  sum.offer('two', parts[2]!)
  sum.offer('one', parts[1]!)
  assert.equal(into[0], 2 ** 24 + 2)
})

test('strangers are named, short parts refused and may come again', () => {
  const sum = new BucketSum<string>(new Float32Array(2), 'f32')
  sum.begin(['w1', 'w2'])
  assert.equal(sum.offer('w9', new Uint8Array(8)), 'unknown')
  assert.throws(() => sum.offer('w1', new Uint8Array(7)), WireError)
  assert.deepEqual(
    sum.missing().map(({ source }) => source),
    ['w1', 'w2'],
  )
  assert.equal(sum.offer('w1', new Uint8Array(8)), 'added')
  assert.deepEqual(sum.missing(), [{ source: 'w2', node: 0 }])
})
