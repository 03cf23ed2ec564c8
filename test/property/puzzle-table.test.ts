import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PuzzleTable } from '../../coordinator/puzzle-table.js'
import type { TableSnapshot } from '../../coordinator/puzzle-table.js'
import { signSgdRow, sumPerId } from '../../shared/gradients/sparse.js'

const DIM = 3
const PUZZLES = 600

/** Mostly the same few, so that rows change again and again; none is row 0, which others begin with. */
const anyId = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: PUZZLES - 1 }))

const batch = fc
  .array(fc.tuple(anyId, fc.tuple(fc.float({ noNaN: true }), fc.float({ noNaN: true }), fc.float({ noNaN: true }))), {
    minLength: 1,
    maxLength: 12,
  })
  .map((slots) => ({ ids: slots.map(([id]) => id), grads: Float32Array.from(slots.flatMap(([, grad]) => grad)) }))

/** The rule of spec 3.2 on a dense table, written out. */
function applyDense(rows: Float32Array, ids: number[], grads: Float32Array, lr: number, wd: number): void {
  for (const id of new Set(ids)) {
    for (let d = 0; d < DIM; d++) {
      let sum = 0
      ids.forEach((other, slot) => {
        if (other === id) sum = Math.fround(sum + grads[slot * DIM + d]!)
      })
      const decayed = Math.fround(rows[id * DIM + d]! * Math.fround(1 - lr * wd))
      rows[id * DIM + d] = decayed - Math.fround(lr) * Math.sign(sum)
    }
  }
}

const rowsOf = (snapshot: TableSnapshot): Float32Array => {
  const rows = new Float32Array(snapshot.ids.length * DIM)
  snapshot.copyRows(snapshot.ids, rows)
  return rows
}

test('the sparse table is the dense one, and snapshots never change', () => {
  fc.assert(
    fc.property(
      fc.array(batch, { minLength: 1, maxLength: 12 }),
      fc.nat(11),
      fc.nat(11),
      (batches, firstAt, secondAt) => {
        const table = new PuzzleTable(PUZZLES, DIM)
        const dense = new Float32Array(PUZZLES * DIM)
        const taken: { snapshot: TableSnapshot; rows: Float32Array }[] = []
        batches.forEach(({ ids, grads }, i) => {
          for (const at of [firstAt, secondAt]) {
            if (at !== i) continue
            const snapshot = table.freeze()
            taken.push({ snapshot, rows: rowsOf(snapshot) })
          }
          table.apply(ids, grads, 0.01, 0.1)
          applyDense(dense, ids, grads, 0.01, 0.1)
        })
        for (let id = 0; id < PUZZLES; id++) assert.deepEqual(table.row(id), dense.slice(id * DIM, (id + 1) * DIM))
        for (const { snapshot, rows } of taken) {
          assert.deepEqual(rowsOf(snapshot), rows)
          assert.ok(snapshot.ids.every((id, n) => n === 0 || snapshot.ids[n - 1]! < id))
          snapshot.release()
          assert.throws(() => rowsOf(snapshot), /released/)
        }
        const all = table.freeze()
        const again = new PuzzleTable(PUZZLES, DIM)
        again.restore(all.ids, rowsOf(all))
        for (let id = 0; id < PUZZLES; id++) assert.deepEqual(again.row(id), table.row(id))
      },
    ),
    { numRuns: 60 },
  )
})

test('memory grows with touched rows only, and a snapshot keeps only what it still needs', () => {
  const table = new PuzzleTable(876_406, 512)
  const grads = new Float32Array(512).fill(1)
  const empty = table.memory
  assert.equal(empty.rows, 0)
  for (const id of [7, 876_405, 400_000]) table.apply([id], grads, 0.01, 0.1)
  const before = table.memory
  assert.equal(before.rows, 3)
  assert.ok(before.bytes < 5e6)
  const snapshot = table.freeze()
  assert.equal(table.memory.bytes, before.bytes)
  snapshot.passed(7)
  table.apply([7], grads, 0.01, 0.1) // written already
  table.apply([9], grads, 0.01, 0.1) // not in the snapshot
  assert.equal(table.memory.bytes, before.bytes)
  table.apply([400_000], grads, 0.01, 0.1)
  table.apply([400_000], grads, 0.01, 0.1)
  assert.equal(table.memory.bytes, before.bytes + 2048)
  assert.throws(() => snapshot.copyRows(Int32Array.of(7), new Float32Array(512)), RangeError)
  snapshot.release()
  assert.equal(table.memory.bytes, before.bytes)
})

test('what changed since the last saved snapshot, whatever was saved, lost or taken meanwhile', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(batch, fc.constantFrom('train', 'save', 'fail', 'overtake')), { maxLength: 30 }),
      (history) => {
        const table = new PuzzleTable(PUZZLES, DIM)
        /** Rows as the disk has them: what was saved, one over the other. */
        const disk = new Map<number, Float32Array>()
        const write = (snapshot: TableSnapshot): void => {
          const rows = new Float32Array(snapshot.changed.length * DIM)
          snapshot.copyRows(snapshot.changed, rows)
          snapshot.changed.forEach((id, i) => disk.set(id, rows.slice(i * DIM, (i + 1) * DIM)))
          snapshot.saved()
        }
        for (const [{ ids, grads }, what] of history) {
          table.apply(ids, grads, 0.01, 0.1)
          if (what === 'train') continue
          const snapshot = table.freeze()
          table.apply(ids.slice(0, 1), grads.subarray(0, DIM), 0.01, 0.1)
          const newer = what === 'overtake' ? table.freeze() : undefined
          if (what !== 'fail') write(snapshot)
          snapshot.release()
          newer?.release()
        }
        const end = table.freeze()
        write(end)
        assert.deepEqual(
          [...disk.keys()].sort((a, b) => a - b),
          [...end.ids],
        )
        for (const [id, row] of disk) assert.deepEqual(row, table.row(id).slice())
        // Nothing changed since, so nothing is due.
        assert.equal(table.freeze().changed.length, 0)
      },
    ),
    { numRuns: 100 },
  )
})

test('rows of many blocks keep apart', () => {
  const table = new PuzzleTable(PUZZLES, 2)
  for (let id = PUZZLES - 1; id >= 0; id--) table.restore(Int32Array.of(id), Float32Array.of(id, -id))
  assert.equal(table.memory.rows, PUZZLES)
  for (let id = 0; id < PUZZLES; id++) assert.deepEqual(table.row(id), Float32Array.of(id, -id))
})

test('an id outside the table changes nothing', () => {
  const table = new PuzzleTable(4, 1)
  assert.throws(() => table.apply([1, 4], Float32Array.of(1, 1), 0.1, 0), /puzzle 4 of a table of 4/)
  assert.throws(() => table.row(-1), RangeError)
  assert.equal(table.memory.rows, 0)
})

test('gather takes trained and untrained rows; a table without width is inert', () => {
  const table = new PuzzleTable(4, 2)
  table.apply([2], Float32Array.of(1, -1), 0.5, 0)
  const rows = new Float32Array(6)
  table.gather([0, 2, 2], rows)
  assert.deepEqual(rows, Float32Array.of(0, 0, -0.5, 0.5, -0.5, 0.5))
  assert.throws(() => table.gather([0], rows), RangeError)
  const none = new PuzzleTable(4, 0)
  none.apply([1], new Float32Array(0), 0.1, 0.1)
  assert.equal(none.freeze().ids.length, 0)
})

test('spec vector 12: two slots of one id are summed before the sign', () => {
  const { ids, sums } = sumPerId([5, 3, 5], Float32Array.of(0.3, 1, -0.5), 1)
  assert.deepEqual(ids, Int32Array.of(3, 5))
  assert.deepEqual(sums, Float32Array.of(1, Math.fround(0.3) - 0.5))
  const row = Float32Array.of(1)
  signSgdRow(row, sums.subarray(1), 0.01, 0.1)
  assert.ok(Math.abs(row[0]! - 1.009) < 1e-7)
  const still = Float32Array.of(2)
  signSgdRow(still, Float32Array.of(0), 0.01, 0)
  assert.equal(still[0], 2)
})
