// The loss head: the vectors of spec 12.1, strided input, and its gradient against differences of itself.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bceWithLogits, stablemaxCrossEntropy } from '../../worker/ops/stablemax.js'
import { lossHead } from '../../worker/train/loss.js'

const close = (actual: number, expected: number, tolerance: number): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`)

describe('stablemax', () => {
  it('gives loss and gradient of spec 12.1 rows 2 and 3', () => {
    const grad = new Float64Array(5)
    const loss = stablemaxCrossEntropy(Float64Array.of(-3, -1, 0, 2, 5), 0, 5, 3, 1, grad)
    close(loss, 1.276293465905562, 1e-14)
    const expected = [0.005813953488372093, 0.023255813953488372, 0.09302325581395349, -0.24031007751937988]
    expected.forEach((value, i) => close(grad[i] ?? NaN, value, 1e-15))
  })

  it('has the binary cross-entropy of row 11, also far out', () => {
    close(bceWithLogits(-5, 0) + bceWithLogits(0.3, 1), 0.5610705, 1e-6)
    close(bceWithLogits(-5, 1), 5.0067153, 1e-6)
    assert.equal(bceWithLogits(1000, 0), 1000)
    assert.equal(bceWithLogits(-1000, 0), 0)
  })
})

describe('lossHead', () => {
  const rows = 2
  const cells = 3
  const vocab = 4
  const at = { start: 5, rowStride: 22, cellStride: 6 }
  const labels = [0, 2, 9, 9, 9, 9]
  const logits = Float64Array.from({ length: 50 }, (_, i) => 3 * Math.sin(1.7 * i + 0.3))
  const head = (q: number[]): Parameters<typeof lossHead>[0] => ({
    rows,
    cells,
    vocab,
    logits,
    at,
    labels,
    ignoreLabel: 9,
    qHalt: q,
    halted: [true, true],
    steps: [2, 3],
  })

  it('has the gradient that differences give, and touches nothing else', () => {
    const q = [0.4, -1.2]
    const gradients = { weight: 0.5, logits: new Float64Array(50), qHalt: new Float64Array(2) }
    lossHead(head(q), gradients)
    const h = 1e-6
    for (let i = 0; i < logits.length; i++) {
      const before = logits[i] ?? 0
      logits[i] = before + h
      const up = lossHead(head(q), null).sums.lossTotal
      logits[i] = before - h
      const down = lossHead(head(q), null).sums.lossTotal
      logits[i] = before
      close(gradients.logits[i] ?? NaN, (0.5 * (up - down)) / (2 * h), 1e-8)
    }
    for (let i = 0; i < rows; i++) {
      const moved = (by: number): number =>
        lossHead(head(q.map((value, j) => (i === j ? value + by : value))), null).sums.lossTotal
      close(gradients.qHalt[i] ?? NaN, (0.5 * (moved(h) - moved(-h))) / (2 * h), 1e-8)
    }
  })

  it('counts a row without valid cells as right for q, and not at all for the metrics', () => {
    const { sums, rowExact, validCells } = lossHead(head([0.4, -1.2]), null)
    assert.deepEqual(validCells, [2, 0])
    assert.equal(rowExact[1], true)
    assert.equal(sums.count, 1)
    assert.equal(sums.steps, 2)
  })

  it('refuses a label that is no token', () => {
    assert.throws(() => lossHead({ ...head([0, 0]), labels: [4, 0, 0, 0, 0, 0] }, null), /label 4 of row 0/)
  })
})
