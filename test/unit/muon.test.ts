// Muon against Newton-Schulz in plain doubles, what it moves and what it leaves to AdamATan2, and clipping: equal on every replica.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TrainConfig } from '../../shared/config/run-config.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { matricesOf, rangesBeside } from '../../shared/gradients/matrices.js'
import { l2Norm } from '../../shared/gradients/norm.js'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { muon } from '../../worker/train/muon.js'
import { clip } from '../../worker/train/optimizer.js'
import { orthogonalise } from '../../worker/ops/orthogonalise.js'
import { MODEL, Run, TRAIN } from '../helpers/replica.js'

type Rows = number[][]
const product = (a: Rows, b: Rows): Rows =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, l) => sum + value * b[l]![j]!, 0)))
const turned = (a: Rows): Rows => a[0]!.map((_, j) => a.map((row) => row[j]!))
const plus = (s: number, a: Rows, t: number, b: Rows): Rows =>
  a.map((row, i) => row.map((value, j) => s * value + t * b[i]![j]!))

/** As Jordan's description has it, without regard to speed. */
function newtonSchulz(g: Rows): Rows {
  const norm = Math.sqrt(g.flat().reduce((sum, value) => sum + value * value, 0)) + 1e-7
  const tall = g.length > g[0]!.length
  let x = (tall ? turned(g) : g).map((row) => row.map((value) => value / norm))
  for (let i = 0; i < 5; i++) {
    const a = product(x, turned(x))
    const b = plus(-4.775, a, 2.0315, product(a, a))
    x = plus(3.4445, x, 1, product(b, x))
  }
  return tall ? turned(x) : x
}

function random(rows: number, columns: number, stream: number): { flat: Float32Array; rows: Rows } {
  const rng = rngFor(1, 'muon', rows * 1000 + columns, stream)
  const flat = Float32Array.from({ length: rows * columns }, () => rng.uniform() - 0.5)
  return { flat, rows: Array.from({ length: rows }, (_, i) => Array.from(flat.subarray(i * columns, (i + 1) * columns))) } // prettier-ignore
}

const SHAPES: readonly [number, number][] = [
  [8, 8],
  [5, 17],
  [33, 6],
  [1, 9],
]

describe('orthogonalise', () => {
  for (const [rows, columns] of SHAPES)
    it(`is Newton-Schulz in doubles, and nearly orthogonal: ${rows} x ${columns}`, () => {
      const { flat, rows: plain } = random(rows, columns, 0)
      orthogonalise(flat, rows, columns)
      const expected = newtonSchulz(plain)
      flat.forEach((value, i) =>
        assert.ok(Math.abs(value - expected[Math.floor(i / columns)]![i % columns]!) < 1e-4, `element ${i}`),
      )
      const x = Array.from({ length: rows }, (_, i) => Array.from(flat.subarray(i * columns, (i + 1) * columns)))
      const gram = rows <= columns ? product(x, turned(x)) : product(turned(x), x)
      gram.forEach((row, i) => assert.ok(row[i]! > 0.3 && row[i]! < 1.6, `length ${row[i]}`))
    })

  it('leaves zero zero', () => {
    const zero = new Float32Array(12)
    orthogonalise(zero, 3, 4)
    assert.deepEqual(zero, new Float32Array(12))
  })
})

describe('muon', () => {
  it("moves by Nesterov's momentum, orthogonalised, with the factor of the shape, after the decay", () => {
    const [rows, columns, offset] = [8, 2, 3]
    const gradients = [random(rows, columns, 1), random(rows, columns, 2)]
    const p = new Float32Array(offset + rows * columns).fill(0.5)
    const m = new Float32Array(p.length)
    let momentum: Rows = gradients[0]!.rows.map((row) => row.map(() => 0))
    let expected: Rows = momentum.map((row) => row.map(() => 0.5))
    for (const { flat, rows: g } of gradients) {
      const whole = new Float32Array(p.length)
      whole.set(flat, offset)
      muon(p, m, whole, { offset, rows, columns }, { lr: 0.02, momentum: 0.95, weightDecay: 0.1 })
      momentum = plus(0.95, momentum, 0.05, g)
      const step = newtonSchulz(plus(0.05, g, 0.95, momentum))
      expected = plus(1 - 0.02 * 0.1, expected, -0.02 * Math.sqrt(4), step)
    }
    assert.deepEqual(p.slice(0, offset), new Float32Array(offset).fill(0.5))
    expected.flat().forEach((value, i) => assert.ok(Math.abs(p[offset + i]! - value) < 1e-5))
    const before = p.slice()
    muon(p, m, p, { offset, rows, columns }, { lr: 0, momentum: 0.95, weightDecay: 0.1 })
    assert.deepEqual(p, before)
  })

  it('has every matrix inside the network, pieces apart, and nothing else', () => {
    const layout = layoutOf(MODEL)
    const matrices = matricesOf(MODEL, layout)
    const D = MODEL.hidden
    assert.deepEqual(
      matrices.map(({ rows, columns }) => [rows, columns]),
      [[D, D], [D, D], [D, D], [D, D], [256, D], [256, D], [D, 256]], // prettier-ignore
    )
    const beside = rangesBeside(matrices, layout.elements)
    const outside = layout.entries.filter(({ name }) => !name.includes('_level.'))
    assert.deepEqual(beside, [[0, outside.reduce((sum, { elements }) => sum + elements, 0)]])
    const covered = matrices.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
    assert.equal(covered + beside.reduce((sum, [from, to]) => sum + to - from, 0), layout.elements)
  })
})

describe('a replica', () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })

  const recipe: TrainConfig = { ...TRAIN, optimizer: 'muon', clipNorm: 0.05, labelSmoothing: 0.2, curriculum: 'depth', supervisionDecay: 0.7, lrMinRatio: 0.1 } // prettier-ignore

  it('repeats the recipe to the bit, and moves as much whether the gradient is of one worker or of two', () => {
    const whole = new Run([0, 1, 2, 3], MODEL, {}, undefined, undefined, recipe)
    const again = new Run([0, 1, 2, 3], MODEL, {}, undefined, undefined, recipe)
    const halves = [
      new Run([0, 1], MODEL, {}, undefined, undefined, recipe),
      new Run([2, 3], MODEL, {}, undefined, undefined, recipe),
    ]
    for (let step = 1; step <= 10; step++) {
      for (const run of [whole, again]) {
        run.propose(step)
        run.commit(step)
      }
      halves.forEach((run) => run.propose(step))
      const mean = halves[0]!.arena.grad.map((value, i) => value + halves[1]!.arena.grad[i]!)
      halves.forEach((run) => run.commit(step, mean))
      if (step > 1) continue
      const before = new Run([0], MODEL, {}, undefined, undefined, recipe)
      const moved = (run: Run): number => l2Norm(run.arena.params.map((p, i) => p - before.arena.params[i]!))
      assert.ok(Math.abs(moved(halves[0]!) / moved(whole) - 1) < 1e-3)
      before.replica.dispose()
    }
    assert.deepEqual(again.state(), whole.state())
    assert.deepEqual(halves[0]!.arena.params, halves[1]!.arena.params)
    assert.deepEqual(halves[0]!.arena.mean, halves[1]!.arena.mean)
    assert.ok(l2Norm(whole.arena.mean) <= 0.05 && l2Norm(whole.arena.grad) > 0.05)
    for (const run of [whole, again, ...halves]) run.replica.dispose()
  })
})

it('clips what is too long to the longest, in its direction, and leaves the rest alone', () => {
  const g = Float32Array.of(3, -4)
  clip(g, 10)
  assert.deepEqual(g, Float32Array.of(3, -4))
  clip(g, 1)
  assert.ok(Math.abs(g[0]! - 0.6) < 1e-6 && Math.abs(g[1]! + 0.8) < 1e-6)
  const zero = new Float32Array(2)
  clip(zero, 1)
  assert.deepEqual(zero, new Float32Array(2))
})
