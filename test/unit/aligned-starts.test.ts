// Aligned starts of chains: the strongest directions of a matrix, and what alignment changes of a start and what not.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { compileConfig } from '../../shared/config/compile.js'
import { DIRECTIONS, shareIn } from '../../shared/gradients/aligned-starts.js'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { eigenvectors, strongestDirections } from '../../shared/gradients/singular.js'
import { rngFor } from '../../shared/rng/counter.js'
import { MODEL, SEED } from '../helpers/replica.js'

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0)
const norm = (a: ArrayLike<number>): number => Math.sqrt(dot(a, a))

function random(rows: number, columns: number): Float32Array {
  const rng = rngFor(3, 'aligned', rows, columns)
  return Float32Array.from({ length: rows * columns }, () => rng.uniform() - 0.5)
}

/** W^T W x */
function square(w: Float32Array, columns: number, x: ArrayLike<number>): number[] {
  const out = new Array<number>(columns).fill(0)
  for (let r = 0; r < w.length / columns; r++) {
    const row = w.subarray(r * columns, (r + 1) * columns)
    const along = dot(row, x)
    row.forEach((value, c) => (out[c] = out[c]! + along * value))
  }
  return out
}

describe('strongest directions', () => {
  it('of a matrix with known singular vectors are those, strongest first', () => {
    // Rows are multiples of orthonormal vectors (of a Hadamard matrix), so these are the right singular vectors.
    const hadamard = (i: number, j: number): number =>
      (i & j).toString(2).replaceAll('0', '').length % 2 === 0 ? 0.25 : -0.25
    const strengths = [3, 0.5, 7, 1, 2]
    const w = Float32Array.from(strengths.flatMap((s, i) => Array.from({ length: 16 }, (_, j) => s * hadamard(i, j))))
    const found = strongestDirections(w, 5, 16, 3)
    const expected = [2, 0, 4]
    found.forEach((vector, k) => {
      const known = Array.from({ length: 16 }, (_, j) => hadamard(expected[k]!, j))
      assert.ok(Math.abs(Math.abs(dot(vector, known)) - 1) < 1e-6, `direction ${k}`)
    })
  })

  for (const [rows, columns, count] of [
    [256, 16, 10],
    [300, 90, 10],
    [7, 50, 4],
  ] as const)
    it(`are orthonormal eigenvectors of W^T W, and no other direction is stronger: ${rows} x ${columns}`, () => {
      const w = random(rows, columns)
      const found = strongestDirections(w, rows, columns, count)
      assert.equal(found.length, count)
      const values = found.map((vector, i) => {
        found.forEach((other, j) => assert.ok(Math.abs(dot(vector, other) - Number(i === j)) < 1e-9))
        const image = square(w, columns, vector)
        const value = dot(image, vector)
        assert.ok(norm(image.map((x, c) => x - value * vector[c]!)) < 2e-4 * value, `vector ${i}`)
        return value
      })
      assert.deepEqual(
        values,
        values.toSorted((a, b) => b - a),
      )
      // Of what is orthogonal to all of them nothing is stretched more than the last one is.
      const rest = random(1, columns)
      let x: number[] = Array.from(rest)
      for (let i = 0; i < 50; i++) {
        for (const vector of found) x = x.map((value, c) => value - dot(x, vector) * vector[c]!)
        const length = norm(x)
        x = square(
          w,
          columns,
          x.map((value) => value / length),
        )
      }
      assert.ok(norm(x) <= values.at(-1)! * (1 + 1e-3))
    })

  it('come from rotations that make a symmetric matrix diagonal', () => {
    const a = [Float64Array.of(2, 1, 0), Float64Array.of(1, 2, 0), Float64Array.of(0, 0, 1)]
    const [first, second, third] = eigenvectors(a)
    assert.ok(Math.abs(Math.abs(dot(first!, [Math.SQRT1_2, Math.SQRT1_2, 0])) - 1) < 1e-12)
    assert.ok(Math.abs(dot(second!, third!)) < 1e-12)
  })
})

describe('aligned starts', () => {
  const CHAINS: ModelConfig = { ...MODEL, hidden: 64, chains: 4 }
  const startsOf = (model: ModelConfig): Float32Array[] => {
    const { lInit } = initialStates(model, SEED)
    return Array.from({ length: lInit.length / model.hidden }, (_, i) =>
      lInit.slice(i * model.hidden, (i + 1) * model.hidden),
    )
  }
  const layout = layoutOf(CHAINS)
  const { offset, elements, shape } = layout.entries.find(
    ({ name }) => name === 'L_level.layers.0.mlp.gate_up_proj.weight',
  )!
  const gateUp = initialParams(layout, SEED).slice(offset, offset + elements)
  const directions = strongestDirections(gateUp, shape[0]!, shape[1]!, DIRECTIONS)

  it('reach as far into the strongest directions as the first one, are as long as before, and differ from each other', () => {
    const [drawn, aligned] = [startsOf(CHAINS), startsOf({ ...CHAINS, chainStarts: 'aligned' })]
    assert.deepEqual(aligned[0], drawn[0], 'the first chain starts where TRM starts')
    const wanted = shareIn(drawn[0]!, directions)
    const before = drawn.map((start) => shareIn(start, directions))
    assert.ok(Math.max(...before.map((share) => Math.abs(share - wanted))) > 0.03, `${before.join()} lie apart`)
    aligned.forEach((start, k) => {
      assert.ok(Math.abs(shareIn(start, directions) - wanted) < 5e-3, `chain ${k}: the rest is bf16's rounding`)
      assert.ok(Math.abs(norm(start) / norm(drawn[k]!) - 1) < 5e-3)
      assert.ok(dot(start, drawn[k]!) / norm(start) / norm(drawn[k]!) > 0.9, 'it stays near where it was drawn')
    })
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < i; j++)
        assert.ok(Math.abs(dot(aligned[i]!, aligned[j]!)) < 0.5 * norm(aligned[i]!) * norm(aligned[j]!))
  })

  it('align each thought of a chain with its own of the first', () => {
    const many = { ...CHAINS, chains: 2, states: 'many' } as const
    const aligned = startsOf({ ...many, chainStarts: 'aligned' })
    assert.equal(aligned.length, 2 * CHAINS.lCycles)
    for (let l = 0; l < CHAINS.lCycles; l++) {
      const [first, second] = [aligned[l]!, aligned[CHAINS.lCycles + l]!]
      assert.ok(Math.abs(shareIn(first, directions) - shareIn(second, directions)) < 5e-3)
    }
  })

  it('are refused where there is nothing to align', () => {
    const compiled = (flags: Record<string, string>) => () => compileConfig({ preset: 'tiny', env: {}, flags: { 'model.chainStarts': 'aligned', ...flags } }) // prettier-ignore
    assert.throws(compiled({}), /model\.chainStarts must be drawn with a single chain/)
    assert.throws(compiled({ 'model.chains': '2', 'model.start': 'random' }), /no fixed starts to align/)
    assert.equal(compiled({ 'model.chains': '2' })().model.chainStarts, 'aligned')
  })
})
