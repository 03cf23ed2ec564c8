// Trimming at test time: how much of the canvas is expected to be needed, how the coordinator says so, and that a trimmed answer
// is a function of its own row.
import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import { expectedBox } from '../../shared/arc/expected-box.js'
import { gridOf } from '../../shared/arc/grid.js'
import type { Task } from '../../shared/arc/task.js'
import { keptCells } from '../../shared/arc/trim.js'
import { slotId } from '../../shared/ids.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { ArcEvaluation } from '../../coordinator/data/arc-evaluation.js'
import { buildPool } from '../../shared/arc/pool.js'
import { Run } from '../helpers/replica.js'
import { CANVAS, smallExample, TRIMMED } from '../helpers/trimmed.js'

const grid = (rows: number, cols: number): ReturnType<typeof gridOf> =>
  gridOf(Array.from({ length: rows }, (_, r) => Array.from({ length: cols }, (_, c) => (r + c) % 10)))
const task = (...pairs: [split: 'train' | 'test', input: [number, number], output: [number, number]][]): Task => ({
  name: 'task',
  pairs: pairs.map(([split, input, output]) => ({ split, input: grid(...input), output: grid(...output) })),
})

before(async () => {
  await selectBackend('wasm', { root: process.cwd() })
})

it('expects the test input, every shown output and the growth of the shown pairs, with end marks', () => {
  const doubling = task(['train', [2, 3], [4, 3]], ['test', [5, 2], [10, 2]])
  assert.deepEqual(expectedBox(doubling, 1, 30, 0), { row: 0, col: 0, rows: 11, cols: 4 })
  assert.deepEqual(expectedBox(doubling, 1, 30, 1), { row: 0, col: 0, rows: 4, cols: 11 })
  assert.deepEqual(expectedBox(doubling, 1, 8, 0), { row: 0, col: 0, rows: 8, cols: 4 })
  const shrinking = task(['train', [9, 9], [3, 3]], ['test', [7, 12], [1, 1]])
  assert.deepEqual(expectedBox(shrinking, 1, 30, 0), { row: 0, col: 0, rows: 8, cols: 13 })
})

it('never looks at the solution', () => {
  const of = (output: [number, number]): Task => task(['train', [2, 2], [3, 3]], ['test', [4, 4], output])
  assert.deepEqual(expectedBox(of([6, 6]), 1, 30, 0), expectedBox(of([20, 1]), 1, 30, 0))
})

it('is part of a test row only where it was asked for', () => {
  const tasks = [task(['train', [2, 3], [4, 3]], ['test', [3, 2], [6, 2]])]
  const pool = buildPool([{ name: 'evaluation', tasks }], { seed: 1, augmentations: 4, canvas: 10, testSubset: 'evaluation' }) // prettier-ignore
  const rowsOf = (canvas: 'whole' | 'shown') => {
    const set = new ArcEvaluation(pool, tasks, { augmentations: 4, maxPairs: 0, canvas })
    return Array.from({ length: set.rows }, (_, row) => set.row(row))
  }
  assert.ok(rowsOf('whole').every((row) => row.box === undefined))
  const boxes = rowsOf('shown').map(({ box }) => [box?.rows, box?.cols].join('x'))
  assert.equal(boxes[0], '7x4')
  assert.ok(boxes.every((box) => box === '7x4' || box === '4x7'))
})

it('computes a row alone as among others, and answers PAD where it computes nothing', () => {
  const run = new Run([0, 1, 2, 3], TRIMMED, {}, undefined, smallExample)
  run.train(1, 3)
  const inputs = [0, 1, 2, 3].map((slot) => smallExample(slotId(slot), 9).inputs)
  const kept = [1, 3, 2, 4].map((side) => keptCells({ row: 0, col: 0, rows: side, cols: 5 }, CANVAS, TRIMMED.trim))
  const width = TRIMMED.puzzleEmbDim
  const rows = Float32Array.from({ length: 4 * width }, (_, i) => Math.sin(i * i))
  const size = CANVAS * CANVAS
  const asked = { rows, inputs: Uint8Array.from(inputs.flatMap((one) => [...one])), batch: 4, kept }
  const question = { steps: [1, 3], early: true }
  const together = run.replica.evaluate(asked, question)
  for (const [i, cells] of kept.entries()) {
    const alone = run.replica.evaluate(
      { rows: rows.slice(i * width, (i + 1) * width), inputs: inputs[i]!, batch: 1, kept: [cells] },
      question,
    )
    for (const block of [0, 1, 2]) {
      const preds = together.preds.subarray((4 * block + i) * size, (4 * block + i + 1) * size)
      assert.deepEqual(preds, alone.preds.subarray(block * size, (block + 1) * size))
      assert.ok(Math.abs(together.q[4 * block + i]! - alone.q[block]!) < 1e-5)
      preds.forEach((pred, cell) => assert.ok(cells.includes(cell) || pred === 0))
    }
    assert.equal(together.halts[i], alone.halts[0])
  }
  const everything = kept.map(() => Int32Array.from({ length: size }, (_, cell) => cell))
  const { kept: _kept, ...whole } = asked
  assert.deepEqual(run.replica.evaluate({ ...whole, kept: everything }, question), run.replica.evaluate(whole, question)) // prettier-ignore
  run.replica.dispose()
})
