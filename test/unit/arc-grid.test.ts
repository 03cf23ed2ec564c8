// Grids, tokens, augmentations and task parsing against spec 12.1 rows 13 to 17.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { augmentedName, packAugmentation, parseName, unaugment, unpackAugmentation } from '../../shared/arc/augment.js'
import { dihedral, gridOf, hashGrid, inverseDihedral, rowsOf, sameGrid } from '../../shared/arc/grid.js'
import { parseTask } from '../../shared/arc/task.js'
import { crop, encode } from '../../shared/arc/tokens.js'
import { DataError } from '../../shared/errors.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'

const SIX = gridOf([
  [1, 2, 3],
  [4, 5, 6],
])

test('grid hashes', () => {
  const cases: [number[][], string][] = [
    [[[1, 2], [3, 4]], '55a5aadc568aa126133b43fba44bdac3e8f8155c961b7c7fedfb8e4b5e0ae094'], // prettier-ignore
    [[[0]], '9f44ac6acb8a37b00b615dc89259d306035be82dee7db2b472e4c48326195440'],
    [rowsOf(SIX), '8a85482c8c93e41992c7fef9efca7b25d8e75bcc87bedf3e5f203700a34e9a6a'],
    [rowsOf(dihedral(SIX, 6)), 'b76776e8f56894794e6a1294e5c0b32ca3b8fad8df082ad3bc7ab67774c5f88a'],
  ]
  for (const [rows, hash] of cases) assert.equal(hashGrid(gridOf(rows)), hash)
})

test('the eight transforms and their inverses', () => {
  const expected = [
    [[1, 2, 3], [4, 5, 6]], [[3, 6], [2, 5], [1, 4]], [[6, 5, 4], [3, 2, 1]], [[4, 1], [5, 2], [6, 3]],
    [[3, 2, 1], [6, 5, 4]], [[4, 5, 6], [1, 2, 3]], [[1, 4], [2, 5], [3, 6]], [[6, 3], [5, 2], [4, 1]],
  ] // prettier-ignore
  expected.forEach((rows, t) => {
    assert.deepEqual(rowsOf(dihedral(SIX, t)), rows)
    assert.ok(sameGrid(dihedral(dihedral(SIX, t), inverseDihedral(t)), SIX))
  })
})

test('an identifier undoes its augmentation', () => {
  const { task, augmentation } = parseName('abc|||t3|||0856249713')
  assert.equal(task, 'abc')
  assert.deepEqual(rowsOf(unaugment(gridOf([[0, 1, 2], [3, 4, 5]]), augmentation)), [[4, 2], [8, 5], [0, 9]]) // prettier-ignore
  assert.equal(augmentedName(task, augmentation), 'abc|||t3|||0856249713')
  for (const name of ['abc|||t8|||0856249713', 'abc|||0856249713', 'abc|||t1|||0856249711'])
    assert.throws(() => parseName(name), DataError)
})

test('an augmentation packs into one number', () => {
  const rng = new Mt19937(7)
  assert.equal(
    packAugmentation(
      0,
      Uint8Array.from({ length: 10 }, (_, c) => c),
    ),
    0,
  )
  for (let i = 0; i < 500; i++) {
    const transform = rng.randint(0, 8)
    const colours = Uint8Array.from([0, ...rng.permutation(9).map((c) => c + 1)])
    assert.deepEqual(unpackAugmentation(packAugmentation(transform, colours)), { transform, colours })
  }
})

test('tokens: end markers below and to the right, none on a full canvas', () => {
  const rows = (tokens: Uint8Array, n: number): number[][] =>
    Array.from({ length: n }, (_, r) => [...tokens.subarray(r * 30, r * 30 + 4)])
  assert.deepEqual(rows(encode(gridOf([[1, 2]]), 30), 2), [[3, 4, 1, 0], [1, 1, 0, 0]]) // prettier-ignore
  assert.deepEqual(
    rows(encode(gridOf([[3], [4], [5]]), 30), 4).map((row) => row.slice(0, 2)),
    [[5, 1], [6, 1], [7, 1], [1, 0]], // prettier-ignore
  )
  const full = gridOf(Array.from({ length: 30 }, () => Array.from({ length: 30 }, () => 4)))
  assert.ok(encode(full, 30).every((token) => token === 6))
  assert.ok(sameGrid(crop(encode(full, 30), 30), full))
})

test('crop keeps the largest corner rectangle of colours', () => {
  assert.deepEqual(rowsOf(crop(encode(SIX, 5), 5)), rowsOf(SIX))
  assert.deepEqual(crop(new Uint8Array(25), 5), { rows: 0, cols: 0, cells: new Uint8Array(0) })
  // 1x4 and 2x2 tie: the first wins.
  assert.deepEqual(rowsOf(crop([5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4)), [[3, 3, 3, 3]])
})

test('a broken task is one clear error that names the place', () => {
  const good = { train: [{ input: [[1]], output: [[2]] }], test: [{ input: [[3]] }] }
  assert.equal(parseTask('f.json', 'a', good).pairs.length, 2)
  assert.deepEqual(
    parseTask('f.json', 'a', { test: good.test, train: good.train }, [[[9]]]).pairs.map((p) => p.split),
    ['test', 'train'],
  )
  const train = (input: unknown): unknown => ({ ...good, train: [good.train[0], { input, output: [[1]] }] })
  const wide = [Array.from({ length: 31 }, () => 1)]
  const cases: [unknown, RegExp][] = [
    [train([[1, 2], [3]]), /f\.json: task a, train pair 2, input row 2 has 1 columns where row 1 has 2/],
    [train(wide), /train pair 2, input row 1 has 31 columns, more than 30/],
    [train([[1], [10]]), /input row 2 column 1 is 10, not a colour/],
    [train([[1.5]]), /is 1\.5, not a colour/],
    [train([['1']]), /is "1", not a colour/],
    [train([]), /has no rows/],
    [train([[]]), /row 1 is empty/],
    [train(undefined), /is not a list of rows/],
    [{ ...good, test: [] }, /has no test pairs/],
    [{ test: good.test }, /has no train pairs/],
    [{ ...good, train: [{ input: [[1]] }] }, /train pair 1 has no output/],
    [null, /is not an object/],
  ]
  const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as unknown
  cases.push(
    [{ train: { a: deep } }, /"train" is not a list of pairs: an object/],
    [train([[deep]]), /is a list of 1, not a colour/],
  )
  for (const [value, message] of cases)
    assert.throws(
      () => parseTask('f.json', 'a', value),
      (error) => error instanceof DataError && message.test(error.message) && error.remedy.length > 0,
    )
  assert.throws(() => parseTask('f.json', 'a', good, [[[1]], [[2]]]), /1 test pairs but 2 solutions/)
})
