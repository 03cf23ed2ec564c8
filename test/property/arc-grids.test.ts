// Laws of grids, tokens and augmentations, on random grids.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { augment, augmentedName, parseName, unaugment } from '../../shared/arc/augment.js'
import { Fingerprint } from '../../shared/arc/fingerprint.js'
import { dihedral, hashGrid, inverseDihedral, sameGrid, type Grid } from '../../shared/arc/grid.js'
import { decodeRuns, encodeRuns } from '../../shared/arc/runs.js'
import { crop, encode, encodeInto } from '../../shared/arc/tokens.js'
import { sha256 } from '../../shared/hash.js'

const grids = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }))
  .chain(([rows, cols]) =>
    fc
      .uint8Array({ minLength: rows * cols, maxLength: rows * cols, max: 9 })
      .map((cells): Grid => ({ rows, cols, cells })),
  )
const augmentations = fc.record({
  transform: fc.integer({ min: 0, max: 7 }),
  colours: fc
    .shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 9 })
    .map((moved) => Uint8Array.from([0, ...moved])),
})
const canvases = fc.integer({ min: 8, max: 30 })

test('an augmentation is undone by its name', () => {
  fc.assert(
    fc.property(grids, augmentations, (grid, augmentation) => {
      const parsed = parseName(augmentedName('x', augmentation)).augmentation
      assert.ok(sameGrid(unaugment(augment(grid, augmentation), parsed), grid))
      assert.ok(sameGrid(dihedral(dihedral(grid, augmentation.transform), inverseDihedral(parsed.transform)), grid))
    }),
  )
})

test('tokens: crop undoes encode; encoding with an augmentation is encoding the augmented grid', () => {
  fc.assert(
    fc.property(grids, augmentations, canvases, fc.nat(), fc.nat(), (grid, augmentation, canvas, a, b) => {
      assert.ok(sameGrid(crop(encode(grid, canvas), canvas), grid))
      const augmented = augment(grid, augmentation)
      const [row, col] = [a % (canvas - augmented.rows + 1), b % (canvas - augmented.cols + 1)]
      const out = new Uint8Array(canvas * canvas).fill(99)
      encodeInto(out, 0, canvas, grid, augmentation.transform, augmentation.colours, row, col)
      assert.deepEqual(out, encode(augmented, canvas, row, col))
      assert.deepEqual(decodeRuns(encodeRuns(out), out.length), out)
    }),
  )
})

test('crop never reads past a colourless cell', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 36, maxLength: 36, max: 13 }), (tokens) => {
      const { rows, cols } = crop(tokens, 6)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < cols; c++) assert.ok((tokens[6 * r + c] ?? 0) >= 2 && (tokens[6 * r + c] ?? 0) < 12)
      const first = tokens[0] ?? 0
      assert.equal(rows > 0, first >= 2 && first < 12)
    }),
  )
})

test('fingerprints agree with the official hash on what is the same puzzle', () => {
  // Few colours and small grids, so that equal augmentations are common.
  const small = fc
    .tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 }))
    .chain(([rows, cols]) =>
      fc
        .uint8Array({ minLength: rows * cols, maxLength: rows * cols, max: 2 })
        .map((cells): Grid => ({ rows, cols, cells })),
    )
  const pairs = fc.array(fc.tuple(small, small), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(pairs, augmentations, augmentations, (task, a, b) => {
      const official = (augmentation: typeof a): string =>
        sha256(task.map(([i, o]) => `${hashGrid(augment(i, augmentation))}|${hashGrid(augment(o, augmentation))}`).sort().join('|')) // prettier-ignore
      const print = new Fingerprint(task)
      assert.equal(print.of(a.transform, a.colours) === print.of(b.transform, b.colours), official(a) === official(b))
    }),
    { numRuns: 400 },
  )
})
