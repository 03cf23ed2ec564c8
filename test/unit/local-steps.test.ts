// Local steps (DiLoCo): the outer step against Nesterov by hand, what a round proposes and how workers weigh, and that a round
// leaves no trace until it is committed. And which examples slots begin in it.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import fc from 'fast-check'
import { SlotBook } from '../../coordinator/slots.js'
import { PuzzleTable } from '../../coordinator/puzzle-table.js'
import type { LocalConfig } from '../../shared/config/run-config.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { drawOf, slotId, stepOf, workerId } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'
import { PuzzleRows } from '../../worker/compute/puzzle-rows.js'
import { RoundExamples } from '../../worker/round-examples.js'
import { adamAtan2, updateEma } from '../../worker/train/adam-atan2.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { LocalRound } from '../../worker/train/local-round.js'
import { outerStep } from '../../worker/train/outer.js'
import { exampleFor, MODEL, Run, TRAIN } from '../helpers/replica.js'

before(async () => {
  await selectBackend('wasm', { root: process.cwd() })
})

const floats = (...values: number[]): Float32Array => Float32Array.from(values)
const near = (got: Float32Array, wanted: readonly number[], what: string): void =>
  got.forEach((x, i) => assert.ok(Math.abs(x - wanted[i]!) <= 2e-7 * Math.max(1, Math.abs(wanted[i]!)), `${what}: ${got.join()} for ${wanted.join()}`)) // prettier-ignore

/** What AdamATan2 needs beside the gradient. */
const RATE = 0.01
const OPTIONS = { lr: RATE, beta1: TRAIN.beta1, beta2: TRAIN.beta2, weightDecay: TRAIN.weightDecay }
const SIZE = 50

function roundOf(config: Partial<LocalConfig>) {
  const wave = (k: number): Float32Array => Float32Array.from({ length: SIZE }, (_, i) => Math.sin(k * i + k))
  const zeros = (): Float32Array => new Float32Array(SIZE)
  const buffers = {
    ...{ params: wave(1), ema: wave(2), m: wave(3), v: wave(4).map(Math.abs) },
    ...{ outer: zeros(), grad: zeros(), mean: zeros() },
  }
  const round = new LocalRound(buffers, { localSteps: 3, outerLr: 0.7, outerMomentum: 0.9, ...config })
  const gradient = (seed: number): Float32Array => {
    const rng = rngFor(seed, 'gradient')
    return Float32Array.from({ length: SIZE }, () => rng.uniform() - 0.5)
  }
  return { buffers, round, gradient }
}

describe('the outer step', () => {
  test('is SGD with Nesterov momentum: two steps computed by hand', () => {
    const params = floats(1, -2)
    const momentum = floats(0, 0)
    // b = 0.9 b + g; p = p - 0.7 (g + 0.9 b)
    outerStep(params, momentum, floats(0.5, -1), { lr: 0.7, momentum: 0.9 })
    near(momentum, [0.5, -1], 'momentum')
    near(params, [1 - 0.7 * (0.5 + 0.45), -2 + 0.7 * (1 + 0.9)], 'params')
    outerStep(params, momentum, floats(0.1, 0.2), { lr: 0.7, momentum: 0.9 })
    near(momentum, [0.55, -0.7], 'momentum')
    near(params, [0.335 - 0.7 * (0.1 + 0.495), -0.67 - 0.7 * (0.2 - 0.63)], 'params')
  })

  test('of one step alone at rate 1 without momentum is the step that the worker took', () => {
    const { buffers, round, gradient } = roundOf({ localSteps: 1, outerLr: 1, outerMomentum: 0 })
    const { params, m, v, ema } = buffers
    const [p, m1, v1, e] = [params.slice(), m.slice(), v.slice(), ema.slice()]
    for (let step = 1; step <= 5; step++) {
      adamAtan2(p, m1, v1, gradient(step), step, OPTIONS)
      updateEma(e, p, TRAIN.emaRate)
      buffers.grad.set(gradient(step))
      round.descend(step, RATE, TRAIN, 1)
      round.propose(1)
      buffers.mean.set(buffers.grad)
      round.commit(TRAIN, false)
      near(params, [...p], `params after step ${step}`)
      near(ema, [...e], `average after step ${step}`)
      assert.deepEqual(m, m1)
      assert.deepEqual(v, v1)
    }
  })

  test('forgets as much of the average as the steps of the round would', () => {
    const { buffers, round, gradient } = roundOf({ outerLr: 0 })
    const first = buffers.ema.slice()
    for (let step = 1; step <= 3; step++) {
      buffers.grad.set(gradient(step))
      round.descend(step, RATE, TRAIN, 1)
    }
    round.commit(TRAIN, false)
    const kept = TRAIN.emaRate ** 3
    near(buffers.ema, [...first.map((x, i) => kept * x + (1 - kept) * buffers.params[i]!)], 'average')
  })

  test('does not happen while the weights are frozen, but the moments follow', () => {
    const { buffers, round, gradient } = roundOf({})
    const { params, ema, m, outer } = buffers
    const [p, e, m1] = [params.slice(), ema.slice(), m.slice()]
    buffers.grad.set(gradient(1))
    round.descend(1, 0, TRAIN, 1)
    round.propose(1)
    assert.ok(buffers.grad.every((x) => x === 0))
    round.commit(TRAIN, true)
    assert.deepEqual([params, ema, outer], [p, e, new Float32Array(SIZE)])
    assert.notDeepEqual(m, m1)
  })
})

test('workers weigh by their slots, and descend along the mean of their own', () => {
  // Six slots of eight, and two: the loss was divided by eight.
  const shares = [6 / 8, 2 / 8]
  const ends = shares.map((share, worker) => {
    const { buffers, round, gradient } = roundOf({})
    const alone = buffers.params.slice()
    const [m, v] = [buffers.m.slice(), buffers.v.slice()]
    const own = gradient(worker)
    for (let step = 1; step <= 3; step++) {
      buffers.grad.set(own.map((x) => x * share))
      round.descend(step, RATE, TRAIN, share)
      adamAtan2(alone, m, v, own, step, OPTIONS)
    }
    round.propose(share)
    return { start: buffers.params, alone, proposed: buffers.grad }
  })
  const [one, other] = ends
  const sum = one!.proposed.map((x, i) => x + other!.proposed[i]!)
  const wanted = one!.start.map((x, i) => x - (0.75 * one!.alone[i]! + 0.25 * other!.alone[i]!))
  sum.forEach((x, i) => assert.ok(Math.abs(x - wanted[i]!) < 1e-6, `${x} for ${wanted[i]}`))
})

test('a round of a replica leaves no trace until it is committed, and goes again as it went', () => {
  const outer = new Float32Array(layoutOf(MODEL).elements)
  const localOf = (arena: Run['arena']): LocalRound =>
    new LocalRound({ ...arena, outer }, { localSteps: 3, outerLr: 0.7, outerMomentum: 0.9 })
  const run = new Run([0, 1, 2], MODEL, localOf)
  const untouched = run.state()
  const around = (): unknown[] => {
    const steps = [1, 2, 3].map((step) => run.propose(step))
    run.replica.propose()
    return [steps.map(({ sums, halted }) => [sums, halted]), run.arena.grad.slice()]
  }
  const first = around()
  assert.ok(run.arena.grad.some((x) => x !== 0))
  run.replica.discard()
  assert.deepEqual(run.state(), untouched)
  run.propose(1)
  run.replica.discard()
  assert.deepEqual(around(), first)
  run.commit(3)
  assert.ok(outer.some((x) => x !== 0))
  assert.notDeepEqual(run.state(), untouched)
  run.replica.dispose()
})

test('rows learn in a worker as the table will: one step of SignSGD for each puzzle', () => {
  const rows = floats(1, 2, 3, 4)
  const here = new PuzzleRows(rows, 2)
  const table = new PuzzleTable(10, 2)
  table.restore(Int32Array.of(7, 3), rows)
  here.begin([7, 3])
  assert.deepEqual(here.gather([3, 7, 3]), floats(3, 4, 1, 2, 3, 4))
  const gradients = floats(1, -1, 5, 0, -3, 2)
  here.learn([3, 7, 3], gradients, 0.1, 0.5)
  table.apply([3, 7, 3], gradients, 0.1, 0.5)
  assert.deepEqual(here.gather([7, 3]), floats(...table.row(7), ...table.row(3)))
  assert.throws(() => here.gather([4]), /no row of puzzle 4/)
})

for (const sampler of ['slots', 'official'] as const)
  test(`examples of a round, ${sampler}: what slots begin is what the book says they did, whoever halts when`, () => {
    const member = workerId('w')
    fc.assert(
      fc.property(fc.array(fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), { minLength: 12 }), (halting) => {
        const length = 4
        const book = new SlotBook(3, sampler)
        book.deal([member], 'copy')
        book.held(member)
        for (let round = 0; (round + 1) * length <= halting.length; round++) {
          const first = round * length + 1
          const sent = book.takes(member, stepOf(first), length)
          const examples = new RoundExamples(
            sent.map((take) => ({ ...take, puzzle: 0, inputs: new Uint8Array(), labels: new Uint8Array() })),
            length,
            sampler === 'official',
          )
          for (let inner = 0; inner < length; inner++) {
            const working = book.working(member, stepOf(first + inner))
            const waiting = book.all().filter(({ halted }) => halted)
            const begun = examples.next()
            assert.deepEqual(
              begun.map(({ slot, draw }) => ({ slot, draw })),
              working.filter(({ slot }) => waiting.some((record) => record.slot === slot)),
            )
            const halted = Uint8Array.from(halting[first - 1 + inner]!, Number)
            examples.settle([0, 1, 2].map(slotId), halted)
            book.settle(member, stepOf(first + inner), halted, Uint8Array.of(1, 1, 1))
          }
        }
      }),
    )
  })

test('an example that did not come is a fault of the coordinator, told as one', () => {
  const example = { ...exampleFor(slotId(0), 0, MODEL), slot: slotId(0), draw: drawOf(0) }
  const examples = new RoundExamples([example], 1, false)
  examples.next()
  examples.settle([slotId(0)], Uint8Array.of(1))
  assert.throws(() => examples.next(), /slot 0 has halted, and no example came/)
})
