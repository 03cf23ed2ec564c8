// The FLOP model against the table of spec 8.2, printed there with four digits.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import type { PresetName } from '../../shared/config/schema.js'
import { flopsOf } from '../../shared/flops.js'

/** GFLOP: layer, forward, backward, train; TFLOP: answer. */
const TABLE: [PresetName, number, number, number, number, number][] = [
  ['arc1', 7.962, 238.9, 159.3, 398.1, 3.82],
  ['maze', 7.962, 238.9, 159.3, 398.1, 3.82],
  ['sudoku-mlp', 0.6103, 25.63, 17.09, 42.72, 0.41],
  ['sudoku-att', 0.6804, 28.58, 19.05, 47.63, 0.457],
]

for (const [preset, ...expected] of TABLE) {
  test(`${preset}: FLOPs per sample as in spec 8.2`, () => {
    const flops = flopsOf(compileConfig({ preset, env: {}, flags: {} }).model)
    const { layer, forward, backward, train, answer } = flops
    assert.equal(train, forward + backward)
    const got = [layer / 1e9, forward / 1e9, backward / 1e9, train / 1e9, answer / 1e12]
    got.forEach((value, i) => {
      const want = expected[i] ?? 0
      assert.ok(Math.abs(value / want - 1) < 1e-3, `${value} is not ${want}`)
    })
  })
}

test('hrm: four thoughts and two answers of four layers, a gradient of one each, and all of it again for q_continue', () => {
  const flops = flopsOf(compileConfig({ preset: 'hrm-sudoku', env: {}, flags: {} }).model)
  assert.equal(flops.forward, 24 * flops.layer)
  assert.equal(flops.backward, 16 * flops.layer)
  assert.equal(flops.train, 64 * flops.layer)
})
