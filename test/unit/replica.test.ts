// A replica: the same bits twice, nothing changed before commit, slots that may live anywhere, and no tensor left behind.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { layoutOf, positionsOf } from '../../shared/gradients/layout.js'
import { slotId, stepOf } from '../../shared/ids.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { checkGradient, exampleFor, MODEL, Run } from '../helpers/replica.js'

const eight = [0, 1, 2, 3, 4, 5, 6, 7]
const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0)

describe('replica', () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })

  it('computes the same bits twice, and its slots halt at different steps', () => {
    const [a, b] = [new Run(eight), new Run(eight)]
    const results = a.train(1, 4)
    assert.deepEqual(b.train(1, 4), results)
    assert.deepEqual(a.state(), b.state())
    assert.ok(results.every((result) => result.finite && result.sums.lossTotal > 0))
    const halts = results.flatMap((result) => result.halted)
    assert.ok(halts.includes(true) && halts.includes(false))
    a.replica.dispose()
    b.replica.dispose()
  })

  it('is as before step() after discard, and the replay gives the same bits', () => {
    const run = new Run(eight)
    run.train(1, 2)
    const before = run.state()
    const first = run.propose(3)
    const gradient = run.arena.grad.slice()
    run.replica.discard()
    assert.deepEqual(run.state(), before)
    assert.deepEqual(run.propose(3), first)
    assert.deepEqual(run.arena.grad, gradient)
    run.replica.dispose()
  })

  it('moves only the moments while the dense weights are frozen, and the slots go on', () => {
    const [run, free] = [new Run(eight), new Run(eight)]
    const { params, ema, m, v } = run.arena
    const before = { params: params.slice(), ema: ema.slice() }
    for (const step of [1, 2]) {
      run.propose(step)
      run.arena.mean.set(run.arena.grad)
      run.replica.commit(stepOf(step), true)
    }
    assert.deepEqual({ params, ema }, before)
    assert.ok(m.some((value) => value !== 0) && v.some((value) => value !== 0))
    free.train(1, 1)
    assert.notDeepEqual(free.arena.params, before.params)
    run.propose(3)
    run.commit(3)
    assert.notDeepEqual(run.arena.params, before.params)
    assert.ok(run.replica.carries().some((carry) => carry.steps !== 1))
    run.replica.dispose()
    free.replica.dispose()
  })

  it('leaves no tensor behind, over steps, discards, evaluations and its own end', () => {
    const empty = tf.memory().numTensors
    const run = new Run(eight, MODEL, { microBatch: 3 })
    run.train(1, 1)
    const alive = tf.memory().numTensors
    run.train(2, 4)
    run.propose(5)
    run.replica.discard()
    assert.equal(tf.memory().numTensors, alive)
    run.replica.evaluate(
      { rows: new Float32Array(2 * 16), inputs: new Uint8Array(2 * 15), batch: 2 },
      { steps: [1, 3], early: true },
    )
    run.train(5, 5)
    assert.equal(tf.memory().numTensors, alive)
    run.replica.dispose()
    assert.equal(tf.memory().numTensors, empty)
  })

  it('agrees with two replicas of half the slots, and with micro-batches and recomputation', () => {
    const whole = new Run(eight)
    const expected = whole.propose(1)
    const halves = [new Run(eight.slice(0, 4)), new Run(eight.slice(4))]
    const parts = halves.map((run) => run.propose(1))
    const sum = halves[0]!.arena.grad.map((value, i) => value + halves[1]!.arena.grad[i]!)
    assert.ok(largestDifference(sum, whole.arena.grad) < 1e-6)
    assert.deepEqual(
      parts.flatMap((part) => part.halted),
      expected.halted,
    )
    const rows = parts.flatMap((part) => Array.from(part.rowGrads))
    assert.ok(largestDifference(Float32Array.from(rows), expected.rowGrads) < 1e-7)
    const total = parts.reduce((loss, part) => loss + part.sums.lossTotal, 0)
    assert.ok(Math.abs(total - expected.sums.lossTotal) < 1e-5)

    const small = new Run(eight, MODEL, { microBatch: 3, recompute: true })
    assert.ok(Math.abs(small.propose(1).sums.lossTotal - expected.sums.lossTotal) < 1e-5)
    assert.ok(largestDifference(small.arena.grad, whole.arena.grad) < 1e-6)
    for (const run of [whole, ...halves, small]) run.replica.dispose()
  })

  it('hands a slot over: carries out of one, into another, the same step', () => {
    const from = new Run([0, 1, 2])
    from.train(1, 2)
    const to = new Run([2])
    const layoutArrays = ['params', 'ema', 'm', 'v'] as const
    for (const name of layoutArrays) to.arena[name].set(from.arena[name])
    to.replica.reload()
    const carry = from.replica.carries()[2]!
    to.replica.setSlots([{ slot: slotId(2), carry }])
    from.replica.setSlots([{ slot: slotId(2), carry: 'keep' }])
    from.slots.splice(0, 2)
    assert.deepEqual(to.replica.carries(), from.replica.carries())
    assert.deepEqual(to.propose(3), from.propose(3))
    assert.deepEqual(to.arena.grad, from.arena.grad)
    from.replica.dispose()
    to.replica.dispose()
  })

  it('says what the caller did wrong', () => {
    const run = new Run([0, 1])
    assert.throws(() => run.replica.commit(stepOf(1)), /nothing to commit/)
    assert.throws(
      () => run.replica.step(stepOf(1), new Float32Array(32), new Map()),
      /slot 0 has halted and no example/,
    )
    assert.throws(() => run.replica.step(stepOf(1), new Float32Array(3), new Map()), /no example|rows of 16/)
    assert.throws(() => run.replica.setSlots([{ slot: slotId(7), carry: 'keep' }]), /slot 7 cannot keep/)
    run.propose(1)
    assert.throws(() => run.propose(2), /before the one before/)
    run.replica.dispose()
  })

  it('marks a step that is not finite', () => {
    const run = new Run([0, 1])
    run.arena.params[0] = NaN
    run.arena.params.fill(Infinity, 16, 90)
    run.replica.reload()
    assert.equal(run.propose(1).finite, false)
    run.replica.dispose()
  })

  it('answers with the averaged weights, row by row independent of the batch', () => {
    const run = new Run(eight)
    run.train(1, 3)
    const inputs = Uint8Array.from([1, 2, 3].flatMap((slot) => Array.from(exampleFor(slotId(slot), 9, MODEL).inputs)))
    const rows = new Float32Array(3 * 16).fill(0.3)
    const all = run.replica.evaluate({ rows, inputs, batch: 3 })
    const one = run.replica.evaluate({ rows: rows.subarray(0, 16), inputs: inputs.subarray(15, 30), batch: 1 })
    assert.deepEqual(Array.from(one.preds), Array.from(all.preds.subarray(15, 30)))
    assert.ok(Math.abs(one.q[0]! - all.q[1]!) < 1e-4)
    const before = run.replica.evaluate({ rows, inputs, batch: 3 }).q
    run.arena.params.fill(0)
    run.replica.reload()
    assert.deepEqual(run.replica.evaluate({ rows, inputs, batch: 3 }).q, before)
    run.replica.dispose()
  })

  it('answers after several steps in one pass, and at the step at which each row halts', () => {
    const run = new Run(eight)
    run.train(1, 3)
    // A bias at which some rows halt at once, some later, some never.
    const inputs = Uint8Array.from(run.slots.flatMap((slot) => Array.from(exampleFor(slot, 9, MODEL).inputs)))
    const rows = Float32Array.from({ length: 8 * 16 }, (_, i) => Math.sin(i * i))
    const asked = { rows, inputs, batch: 8 }
    const steps = Array.from({ length: MODEL.haltMaxSteps }, (_, i) => i + 1)
    const last = steps.length
    const raw = run.replica.evaluate(asked, { steps, early: false })
    assert.deepEqual([raw.preds.length, raw.q.length, raw.halts.length], [last * 8 * 15, last * 8, 0])
    const bias = layoutOf(run.model).entries.find(({ name }) => name === 'q_head.bias')!.offset
    run.arena.ema[bias]! -= raw.q.slice(0, 8).toSorted()[4]!
    run.replica.reload()
    const all = run.replica.evaluate(asked, { steps, early: true })
    const block = (index: number) => all.preds.subarray(index * 8 * 15, (index + 1) * 8 * 15)
    for (const step of steps) {
      const { preds, q } = run.replica.evaluate(asked, { steps: [step], early: false })
      assert.deepEqual(preds, block(step - 1).slice(), `step ${step}`)
      assert.deepEqual(q, all.q.slice(8 * (step - 1), 8 * step))
    }
    const expected = run.slots.map((_, row) => steps.find((step) => all.q[8 * (step - 1) + row]! > 0) ?? last)
    assert.deepEqual([...all.halts], expected)
    assert.ok(new Set(expected).size > 1, 'rows halt at different steps')
    for (const [row, step] of expected.entries()) {
      const answer = (of: number) => Array.from(block(of).subarray(row * 15, (row + 1) * 15))
      assert.deepEqual(answer(last), answer(step - 1))
      assert.equal(all.q[8 * last + row], all.q[8 * (step - 1) + row])
    }
    const small = new Run(eight, MODEL, { microBatch: 3 })
    small.arena.ema.set(run.arena.ema)
    small.replica.reload()
    assert.deepEqual(small.replica.evaluate(asked, { steps, early: true }).halts, all.halts)
    small.replica.dispose()
    run.replica.dispose()
  })

  it('answers after every cycle, of which a step has some', () => {
    const run = new Run(eight)
    run.train(1, 3)
    const inputs = Uint8Array.from(run.slots.flatMap((slot) => Array.from(exampleFor(slot, 9, MODEL).inputs)))
    const asked = { rows: Float32Array.from({ length: 8 * 16 }, (_, i) => Math.sin(i * i)), inputs, batch: 8 }
    const count = MODEL.haltMaxSteps * MODEL.hCycles
    const cycles = Array.from({ length: count }, (_, i) => i + 1)
    const inside = run.replica.evaluate(asked, { steps: cycles, early: false, cycles: true })
    const steps = Array.from({ length: MODEL.haltMaxSteps }, (_, i) => i + 1)
    const whole = run.replica.evaluate(asked, { steps, early: false })
    assert.equal(inside.q.length, count * 8)
    for (const step of steps) {
      const block = step * MODEL.hCycles - 1
      assert.deepEqual(inside.q.slice(8 * block, 8 * (block + 1)), whole.q.slice(8 * (step - 1), 8 * step))
      const [from, own] = [8 * 15 * block, 8 * 15 * (step - 1)]
      assert.deepEqual(inside.preds.slice(from, from + 120), whole.preds.slice(own, own + 120))
    }
    assert.notDeepEqual(inside.q.slice(0, 8), whole.q.slice(0, 8), 'inside a step the answer is another')
    run.replica.dispose()
  })

  const variants: [string, Partial<ModelConfig>][] = [
    ['mlp mixer, no positions', { mixer: 'mlp', positions: 'none' }],
    ['learned positions', { positions: 'learned' }],
    ['no puzzle embedding', { puzzleEmbLen: 0, puzzleEmbDim: 0 }],
    ['a puzzle row wider than a position', { puzzleEmbDim: 24 }],
    ['one H cycle, two layers', { hCycles: 1, layers: 2 }],
  ]
  for (const [name, change] of variants)
    it(`has the gradient that differences of its loss give: ${name}`, () => {
      const model = { ...MODEL, haltExplorationProb: 0, ...change }
      // With one H cycle nothing is cut off from the gradient, so that differences must agree.
      const run = new Run([0, 1], { ...model, hCycles: 1 })
      checkGradient(run)
      assert.equal(run.replica.carries()[0]!.zH.length, positionsOf(run.model) * 16)
      run.replica.dispose()
    })
})
