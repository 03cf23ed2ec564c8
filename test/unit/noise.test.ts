// Noise on the states: drawn from what it is for and nothing else, of the size asked for, and none where none is asked for.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { initialStates } from '../../shared/gradients/init.js'
import { slotId, stepOf } from '../../shared/ids.js'
import type { Noise } from '../../shared/question.js'
import { addNormals, bulkOf } from '../../shared/rng/bulk.js'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { evaluationStir, groundOf, trainingStir } from '../../worker/train/noise.js'
import { exampleFor, MODEL, Run, SEED } from '../helpers/replica.js'

const eight = [0, 1, 2, 3, 4, 5, 6, 7]
const NOISY: ModelConfig = { ...MODEL, start: 'random', startStd: 0.5, stepNoise: 0.1 }
const WIDTH = 17 * 16

const moments = (values: Float32Array): { mean: number; std: number; most: number } => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
  return { mean, std, most: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) }
}

/** Everything that two runs with the same noise must share. */
const near = (a: Float32Array, b: Float32Array): boolean => a.every((value, i) => Math.abs(value - b[i]!) < 1e-6)

describe('bulk random numbers', () => {
  it('are a function of the stream, even, and normal', () => {
    const draw = (key: number): number[] => {
      const rng = bulkOf(rngFor(1, 'x', key))
      return Array.from({ length: 5 }, () => rng.u32())
    }
    assert.deepEqual(draw(1), draw(1))
    assert.equal(new Set([...draw(1), ...draw(2), ...draw(3)]).size, 15)
    const rng = bulkOf(rngFor(1, 'even'))
    const uniform = Float32Array.from({ length: 40_000 }, () => rng.uniform())
    assert.ok(Math.abs(moments(uniform).mean - 0.5) < 0.01)
    assert.ok(Math.abs(moments(uniform).std - Math.sqrt(1 / 12)) < 0.005)
    const normal = new Float32Array(40_001)
    addNormals(normal, 2, rng)
    const { mean, std, most } = moments(normal)
    assert.ok(Math.abs(mean) < 0.05 && Math.abs(std - 2) < 0.04 && most > 7 && most < 11, `${mean} ${std} ${most}`)
    const inside = normal.filter((value) => Math.abs(value) < 2).length / normal.length
    assert.ok(Math.abs(inside - 0.6827) < 0.01)
  })
})

describe('what is added', () => {
  const lane = (slot: number, halted: boolean, draw = 1) => ({
    slot: slotId(slot),
    steps: 1,
    halted,
    example: exampleFor(slotId(slot), draw, MODEL),
    kept: null,
  })
  const drawn = (model: ModelConfig, step: number, lanes: ReturnType<typeof lane>[], row = 0, state = 0) => {
    const into = new Float32Array(WIDTH)
    return trainingStir(model, SEED, stepOf(step), lanes)?.(row, state, into) === true ? into : undefined
  }

  it('is by (slot, draw, state) at a start, by (slot, step, state) later', () => {
    const start = drawn(NOISY, 4, [lane(3, true)])!
    assert.deepEqual(drawn(NOISY, 9, [lane(3, true)]), start, 'the step does not matter')
    assert.deepEqual(drawn(NOISY, 4, [lane(1, true), lane(3, true)], 1), start, 'nor do the other rows')
    for (const other of [lane(2, true), lane(3, true, 2)]) assert.notDeepEqual(drawn(NOISY, 4, [other]), start)
    assert.notDeepEqual(drawn(NOISY, 4, [lane(3, true)], 0, 1), start)
    const later = drawn(NOISY, 4, [lane(3, false)])!
    assert.deepEqual(drawn(NOISY, 4, [lane(3, false, 2)]), later, 'the draw does not matter')
    assert.notDeepEqual(drawn(NOISY, 5, [lane(3, false)]), later)
  })

  it('has the size asked for: a truncated normal at a random start, a normal around the fixed one and between steps', () => {
    const random = moments(drawn(NOISY, 1, [lane(0, true)])!)
    assert.ok(Math.abs(random.std - 0.5) < 0.08 && random.most <= 2 * 0.5 * 1.1369)
    const around = moments(drawn({ ...NOISY, start: 'around', startStd: 2 }, 1, [lane(0, true)])!)
    assert.ok(Math.abs(around.std - 2) < 0.3 && around.most > 4)
    assert.ok(Math.abs(moments(drawn(NOISY, 1, [lane(0, false)])!).std - 0.1) < 0.02)
  })

  it('is nothing where nothing is asked for, and a random start stands alone', () => {
    assert.equal(trainingStir(MODEL, SEED, stepOf(1), []), undefined)
    assert.equal(drawn({ ...MODEL, stepNoise: 0.1 }, 1, [lane(0, true)]), undefined)
    assert.equal(drawn({ ...NOISY, stepNoise: 0 }, 1, [lane(0, false)]), undefined)
    const states = initialStates(MODEL, SEED)
    assert.equal(groundOf({ ...NOISY, start: 'around' }, states), states)
    assert.ok(groundOf(NOISY, states).lInit.every((value) => value === 0))
  })

  it('at test time is by (number, step, state); number 0 gets none', () => {
    const noise: Noise = { seed: 1, sigma: 0.3, states: 'answer' }
    const at = (step: number, draw: number, state = 0, change: Partial<Noise> = {}) => {
      const into = new Float32Array(WIDTH)
      return evaluationStir(MODEL, { ...noise, ...change }, step, [draw])?.(0, state, into) === true ? into : undefined
    }
    assert.deepEqual(at(2, 5), at(2, 5))
    assert.ok(Math.abs(moments(at(1, 5)!).std - 0.3) < 0.05)
    for (const other of [at(1, 5), at(2, 6), at(2, 5, 0, { seed: 2 })]) assert.notDeepEqual(other, at(2, 5))
    assert.equal(at(1, 0), undefined)
    assert.equal(at(1, 5, 1), undefined, 'thoughts get none with `answer`')
    assert.ok(at(1, 5, 1, { states: 'all' }) !== undefined)
    assert.equal(evaluationStir(MODEL, { ...noise, sigma: 0 }, 1, [5]), undefined)
  })
})

describe('a replica with noise', () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })

  it('computes the same bits again after a discard, and without noise those of before', () => {
    const run = new Run(eight, NOISY)
    run.train(1, 2)
    const first = run.propose(3)
    const gradient = run.arena.grad.slice()
    run.replica.discard()
    assert.deepEqual(run.propose(3), first)
    assert.deepEqual(run.arena.grad, gradient)
    const plain = new Run(eight)
    assert.notEqual(plain.propose(1).sums.lossTotal, first.sums.lossTotal)
    run.replica.dispose()
    plain.replica.dispose()
  })

  it('sees the same noise whole, in halves, in micro-batches and after a hand-over', () => {
    const whole = new Run(eight, NOISY)
    const halves = [new Run(eight.slice(0, 4), NOISY), new Run(eight.slice(4), NOISY)]
    const small = new Run(eight, NOISY, { microBatch: 3 })
    for (const step of [1, 2, 3]) {
      const { lossTotal } = whole.propose(step).sums
      const parts = halves.map((run) => run.propose(step))
      assert.ok(Math.abs(parts.reduce((sum, part) => sum + part.sums.lossTotal, 0) - lossTotal) < 1e-4)
      assert.ok(Math.abs(small.propose(step).sums.lossTotal - lossTotal) < 1e-4)
      const sum = halves[0]!.arena.grad.map((value, i) => value + halves[1]!.arena.grad[i]!)
      assert.ok(near(sum, whole.arena.grad) && near(small.arena.grad, whole.arena.grad), `step ${step}`)
      // All go on from the same weights.
      for (const run of [whole, ...halves, small]) run.commit(step, sum)
    }
    const to = new Run([2], NOISY)
    for (const name of ['params', 'ema', 'm', 'v'] as const) to.arena[name].set(whole.arena[name])
    to.replica.reload()
    to.replica.setSlots([{ slot: slotId(2), carry: whole.replica.carries()[2]! }])
    whole.replica.setSlots([{ slot: slotId(2), carry: 'keep' }])
    whole.slots.splice(0, 8, slotId(2))
    assert.deepEqual(to.propose(4), whole.propose(4))
    assert.deepEqual(to.arena.grad, whole.arena.grad)
    for (const run of [whole, ...halves, small, to]) run.replica.dispose()
  })

  it('answers rollouts by their numbers, whatever stands beside them, and leaves no tensor behind', () => {
    const run = new Run(eight, { ...MODEL, stepNoise: 0.1 })
    run.train(1, 2)
    const alive = tf.memory().numTensors
    const row = exampleFor(slotId(1), 9, MODEL).inputs
    const ask = (draws: number[]) => {
      const inputs = Uint8Array.from(draws.flatMap(() => Array.from(row)))
      const asked = { rows: new Float32Array(draws.length * 16).fill(0.3), inputs, batch: draws.length, draws }
      const noise = { seed: 3, sigma: 1, states: 'all' } as const
      return [...run.replica.evaluate(asked, { steps: [3], early: false, noise }).q]
    }
    const [plain, a, b, again] = ask([0, 1, 2, 1])
    assert.equal(a, again)
    assert.equal(new Set([plain, a, b]).size, 3)
    assert.ok(Math.abs(ask([1])[0]! - a!) < 1e-5)
    const quiet = run.replica.evaluate({ rows: new Float32Array(16).fill(0.3), inputs: row, batch: 1 })
    assert.ok(Math.abs(quiet.q[0]! - plain!) < 1e-5, 'number 0 has no noise')
    // The averaged weights were uploaded once, and stay.
    const uploaded = tf.memory().numTensors
    assert.ok(uploaded > alive)
    ask([0, 4, 5])
    assert.equal(tf.memory().numTensors, uploaded)
    run.replica.dispose()
  })
})
