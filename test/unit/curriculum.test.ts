// CGAR: the published stages at the published depth, weights that fall and have a mean of 1; label smoothing's gradient by differences.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modelAt, supervisionWeight } from '../../shared/curriculum.js'
import { stablemaxCrossEntropy } from '../../worker/ops/stablemax.js'

const at = (model: { hCycles: number; lCycles: number; gradedCycles: number }, step: number, steps = 100): number[] => {
  const { hCycles, lCycles, gradedCycles } = modelAt(model, { curriculum: 'depth', steps }, step)
  return [hCycles, lCycles, gradedCycles]
}

test('depth by progress: (T, n) of the paper, and thirds rounded up of others', () => {
  const paper = { hCycles: 3, lCycles: 6, gradedCycles: 1 }
  const stages = [1, 30, 31, 60, 61, 100].map((step) => at(paper, step))
  assert.deepEqual(stages, [[1, 2, 1], [1, 2, 1], [2, 4, 1], [2, 4, 1], [3, 6, 1], [3, 6, 1]]) // prettier-ignore
  assert.deepEqual([1, 40, 70].map((step) => at({ hCycles: 2, lCycles: 3, gradedCycles: 2 }, step)), [[1, 1, 1], [2, 2, 2], [2, 3, 2]]) // prettier-ignore
  assert.deepEqual(at({ hCycles: 3, lCycles: 0, gradedCycles: 1 }, 1), [1, 0, 1], 'a transformer has no L cycles')
  assert.deepEqual(at(paper, 500), [3, 6, 1], 'a run that was prolonged')
  assert.equal(modelAt(paper, { curriculum: 'off', steps: 100 }, 1), paper)
})

test('supervision weights: 0.7^(t - 1), normalised to a mean of 1', () => {
  const weights = Array.from({ length: 16 }, (_, i) => supervisionWeight(0.7, 16, i + 1))
  for (let t = 1; t < 16; t++) assert.ok(Math.abs(weights[t]! / weights[t - 1]! - 0.7) < 1e-12)
  assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 16) < 1e-12)
  assert.equal(supervisionWeight(1, 16, 9), 1)
})

test('label smoothing: none is the plain loss, and the gradient is that of differences', () => {
  const logits = Float64Array.of(-3, -1, 0.3, 2, 5)
  const loss = (x: Float64Array, smoothing: number): number => stablemaxCrossEntropy(x, 0, 5, 3, 1, null, smoothing)
  assert.equal(loss(logits, 0), stablemaxCrossEntropy(logits, 0, 5, 3, 1, null))
  // Worked out: (1 - e) of the label's loss and e of the mean over all labels.
  const each = [0, 1, 2, 3, 4].map((label) => stablemaxCrossEntropy(logits, 0, 5, label, 1, null))
  const expected = 0.8 * each[3]! + 0.2 * (each.reduce((sum, value) => sum + value, 0) / 5)
  assert.ok(Math.abs(loss(logits, 0.2) - expected) < 1e-12)
  const gradient = new Float64Array(5)
  stablemaxCrossEntropy(logits, 0, 5, 3, 1.7, gradient, 0.2)
  gradient.forEach((value, i) => {
    const moved = (by: number): number => loss(logits.map((x, j) => (i === j ? x + by : x)), 0.2) // prettier-ignore
    const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    assert.ok(Math.abs(value - 1.7 * slope) < 1e-8, `logit ${i}`)
  })
})
