// The two NumPy generators against the published checks (spec 4.8, 12.1 row 18) and against numbers drawn with NumPy 2.4.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { Philox, seedSequence } from '../../shared/rng/philox.js'

const u64 = (words: Uint32Array, i: number): bigint =>
  (BigInt(words[2 * i + 1] as number) << 32n) | BigInt(words[2 * i] as number)

test('SeedSequence(1)', () => {
  const words = seedSequence(1, 4)
  assert.equal(u64(words, 0), 7434755675892716031n)
  assert.equal(u64(words, 1), 10007452063617845036n)
})

test('Philox(1) raw words, permutation, integers', () => {
  const raw = new Philox(1)
  assert.deepEqual(
    [raw.u64(), raw.u64(), raw.u64(), raw.u64()],
    [1232279569898196538n, 1457532264001425278n, 106569017797417483n, 14878344917644725055n],
  )
  const order = new Uint16Array(10)
  new Philox(1).permutationInto(order, 0, 10)
  assert.deepEqual([...order], [6, 2, 1, 0, 8, 4, 3, 9, 7, 5])
  const rng = new Philox(1)
  assert.deepEqual(
    Array.from({ length: 10 }, () => rng.integers(0, 8)),
    [3, 0, 1, 0, 0, 0, 5, 6, 3, 1],
  )
})

test("a long Philox stream is NumPy's", () => {
  const rng = new Philox(2026)
  const order = new Uint16Array(960)
  rng.permutationInto(order, 0, 960)
  assert.deepEqual([...order.subarray(0, 8)], [930, 789, 144, 908, 131, 797, 900, 501])
  const ranges = [1, 2, 3, 1001, 1001, 577, 2 ** 31, 2 ** 32 - 5]
  assert.deepEqual(
    ranges.map((n) => rng.integers(5, 5 + n)),
    [5, 5, 5, 948, 381, 549, 1754785400, 3114453404],
  )
  let sum = 0
  for (let i = 0; i < 20000; i++) sum = (sum * 31 + rng.integers(0, 1001)) % 2147483647
  assert.equal(sum, 1337048966)
})

test("a long MT19937 stream is NumPy's", () => {
  const rng = new Mt19937(42)
  assert.deepEqual(
    Array.from({ length: 6 }, () => rng.randint(0, 8)),
    [6, 3, 4, 6, 2, 7],
  )
  assert.deepEqual(
    rng.permutation(9).map((i) => i + 1),
    [4, 8, 1, 9, 6, 3, 2, 7, 5],
  )
  assert.equal(rng.uniform(), 0.14286681792194078)
  assert.deepEqual(rng.permutation(7).slice(0, 4), [0, 6, 3, 1])
  let sum = 0
  for (let i = 0; i < 5000; i++) sum = (sum * 31 + rng.randint(0, 1 + (i % 31))) % 2147483647
  assert.equal(sum, 1146797745)
})
