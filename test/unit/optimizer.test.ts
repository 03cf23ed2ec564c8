// AdamATan2, the average, the schedule and the ACT transition against the specification's own vectors and plain formulas.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { learningRate } from '../../shared/gradients/schedule.js'
import { adamAtan2, atan2Block, updateEma } from '../../worker/train/adam-atan2.js'

const close = (actual: number | undefined, expected: number, tolerance: number): void =>
  assert.ok(Math.abs((actual ?? NaN) - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`)

const atan2Positive = (y: number, x: number): number => {
  const block = Float64Array.of(y)
  atan2Block(block, Float64Array.of(x), 1)
  return block[0] ?? NaN
}

describe('atan2Block', () => {
  it('is Math.atan2 to 1e-12 of its size, over forty magnitudes of y / x', () => {
    let worst = 0
    for (let exponent = -20; exponent <= 20; exponent += 0.01)
      for (const sign of [1, -1]) {
        const y = sign * 10 ** exponent
        for (const x of [1, 0.37, 1e-12]) {
          const exact = Math.atan2(y, x)
          worst = Math.max(worst, Math.abs(atan2Positive(y, x) / exact - 1))
        }
      }
    assert.ok(worst < 1e-12, `worst relative error ${worst}`)
  })

  it('handles zeros as the reference does', () => {
    assert.equal(atan2Positive(0, 0), 0)
    assert.equal(atan2Positive(0, 3), 0)
    assert.equal(atan2Positive(2, 0), Math.PI / 2)
    assert.equal(atan2Positive(-2, 0), -Math.PI / 2)
    assert.ok(Number.isNaN(atan2Positive(NaN, 1)))
  })
})

describe('adamAtan2', () => {
  it('gives the numbers of spec 12.1 row 8, to float32', () => {
    const [p, m, v] = [Float32Array.of(1), Float32Array.of(0), Float32Array.of(0)]
    const expected = [0.9998903313475089, 0.9998535187218563, 0.9998114724987694]
    ;[0.5, -0.25, 0.1].forEach((g, i) => {
      const options = { lr: 1e-4, beta1: 0.9, beta2: 0.95, weightDecay: 0.1 }
      adamAtan2(p, m, v, Float32Array.of(g), i + 1, options)
      close(p[0], expected[i] ?? NaN, 1.5e-7)
    })
    close(m[0], 0.028, 1e-8)
    close(v[0], 0.01475, 1e-8)
  })

  it('only decays where there is no gradient', () => {
    const p = Float32Array.of(1)
    const zero = new Float32Array(1)
    adamAtan2(p, zero.slice(), zero.slice(), zero, 1, { lr: 1e-4, beta1: 0.9, beta2: 0.95, weightDecay: 1 })
    assert.equal(p[0], Math.fround(0.9999))
  })

  it('refuses buffers of different layouts', () => {
    const options = { lr: 1, beta1: 0.9, beta2: 0.95, weightDecay: 0 }
    const two = new Float32Array(2)
    assert.throws(() => adamAtan2(two, two, two, new Float32Array(3), 1, options), /do not belong together/)
  })
})

describe('updateEma', () => {
  it('moves by 1 - rate', () => {
    const shadow = Float32Array.of(1, -2)
    updateEma(shadow, Float32Array.of(3, -2), 0.75)
    assert.deepEqual(Array.from(shadow), [1.5, -2])
  })
})

describe('learningRate', () => {
  it('gives the numbers of spec 12.1 row 10', () => {
    const flat = { base: 1e-4, warmupSteps: 2000, totalSteps: 518071, minRatio: 1 }
    close(learningRate(flat, 1), 5e-8, 1e-15)
    close(learningRate(flat, 1000), 5e-5, 1e-15)
    close(learningRate(flat, 1999), 9.995e-5, 1e-15)
    close(learningRate(flat, 2000), 1e-4, 1e-15)
    close(learningRate(flat, 400000), 1e-4, 1e-15)
    const cosine = { ...flat, totalSteps: 65104, minRatio: 0.1 }
    close(learningRate(cosine, 33552), 5.5e-5, 1e-15)
    close(learningRate(cosine, 65104), 1e-5, 1e-15)
  })
})
