// Gradients of several supervision steps as one (train.moveEvery): what moves when, by what, and that steps which never happened leave
// no trace in what is gathered.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TrainConfig } from '../../shared/config/run-config.js'
import { compileConfig } from '../../shared/config/compile.js'
import { identityHash } from '../../shared/config/identity.js'
import { learningRate } from '../../shared/gradients/schedule.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { Optimizer, type Weights } from '../../worker/train/optimizer.js'
import { MODEL, Run, TRAIN } from '../helpers/replica.js'

const LAYOUT = layoutOf(MODEL)
const gradientOf = (step: number): Float32Array =>
  Float32Array.from({ length: LAYOUT.elements }, (_, i) => Math.sin(0.37 * i + 1.3 * step))

function weightsOf(): Weights & { readonly gathered: Float32Array } {
  const zeros = (): Float32Array => new Float32Array(LAYOUT.elements)
  const params = gradientOf(0)
  return { params, ema: params.slice(), m: zeros(), v: zeros(), mean: zeros(), gathered: zeros() }
}

/** A constant rate: then a move at step N t is, but for its gradient, the move t of a run that moves at every step. */
const STEADY: TrainConfig = { ...TRAIN, warmupSteps: 0 }

function applied(train: TrainConfig, gradients: readonly Float32Array[], frozen = 0): Weights {
  const weights = weightsOf()
  const optimizer = new Optimizer(MODEL, LAYOUT, train)
  gradients.forEach((gradient, i) => {
    weights.mean.set(gradient)
    optimizer.apply(weights, i + 1, i < frozen)
  })
  return weights
}

const meansOf = (count: number, every: number): Float32Array[] =>
  Array.from({ length: count }, (_, move) => {
    const parts = Array.from({ length: every }, (_part, i) => gradientOf(move * every + i + 1))
    const sum = parts.reduce(
      (total, part) => total.map((value, i) => value + part[i]!),
      new Float32Array(LAYOUT.elements),
    )
    return sum.map((value) => value / every)
  })

describe('gradients of several steps as one', () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })

  for (const [name, own] of [
    ['AdamATan2', {}],
    ['Muon, clipped', { optimizer: 'muon', clipNorm: 0.5 }],
  ] as const)
    it(`move as their mean does, bias correction by moves: ${name}`, () => {
      const train = { ...STEADY, ...own }
      const gradients = Array.from({ length: 6 }, (_, i) => gradientOf(i + 1))
      const gathered = applied({ ...train, moveEvery: 3 }, gradients)
      const plain = applied(train, meansOf(2, 3))
      for (const part of ['params', 'ema', 'm', 'v'] as const) assert.deepEqual(gathered[part], plain[part], part)
      assert.ok(gathered.gathered?.every((value) => value === 0))
    })

  it('move nothing before the last of them, and their sum instead of their mean would move the weights as far', () => {
    const start = weightsOf()
    const part = applied({ ...STEADY, moveEvery: 4 }, [1, 2, 3].map(gradientOf))
    for (const of of ['params', 'ema', 'm', 'v'] as const) assert.deepEqual(part[of], start[of], of)
    assert.ok(part.gathered?.some((value) => value !== 0))
    const [mean] = meansOf(1, 4) as [Float32Array]
    const [moved, summed] = [applied(STEADY, [mean]), applied(STEADY, [mean.map((value) => 4 * value)])]
    assert.deepEqual(moved.params, summed.params)
  })

  it('take the rate of the step that moves, none while the weights are frozen, and then the moments follow', () => {
    const gradients = [1, 2, 3, 4].map(gradientOf)
    const warming = { ...TRAIN, warmupSteps: 10, weightDecay: 0, moveEvery: 4 }
    const { lr: base, warmupSteps, steps: totalSteps, lrMinRatio: minRatio } = warming
    const lr = learningRate({ base, warmupSteps, totalSteps, minRatio }, 4)
    const expected = applied({ ...STEADY, weightDecay: 0, lr }, meansOf(1, 4))
    assert.deepEqual(applied(warming, gradients).params, expected.params)
    const frozen = applied({ ...STEADY, moveEvery: 4 }, gradients, 4)
    assert.deepEqual([frozen.params, frozen.ema], [weightsOf().params, weightsOf().ema])
    assert.deepEqual(frozen.m, expected.m)
  })

  it('want a buffer', () => {
    const { gathered: _gathered, ...without } = weightsOf()
    assert.throws(() => new Optimizer(MODEL, LAYOUT, { ...STEADY, moveEvery: 2 }).apply(without, 1, false), /buffer/)
  })

  it('a replica forgets a step that is discarded, goes on from what another had gathered, and computes the same bits', () => {
    const train = { ...TRAIN, moveEvery: 3 }
    const make = (): Run => new Run([0, 1, 2, 3], MODEL, {}, undefined, undefined, train)
    const [calm, shaken] = [make(), make()]
    calm.train(1, 7)
    for (let step = 1; step <= 5; step++) {
      shaken.propose(step)
      shaken.replica.discard()
      shaken.propose(step)
      shaken.commit(step)
    }
    // A newcomer between two moves takes over everything, what is gathered too.
    const newcomer = make()
    for (const part of ['params', 'ema', 'm', 'v', 'gathered'] as const) newcomer.arena[part]?.set(shaken.arena[part]!)
    newcomer.replica.reload()
    newcomer.replica.setSlots(shaken.replica.carries().map((carry) => ({ slot: carry.slot, carry })))
    newcomer.train(6, 7)
    assert.deepEqual(newcomer.state(), calm.state())
    assert.ok(
      calm.arena.gathered?.some((value) => value !== 0),
      'the state is one between two moves',
    )
    for (const run of [calm, shaken, newcomer]) run.replica.dispose()
  })

  it('is another run than one that moves at every step', () => {
    const hash = (flags: Record<string, string>): string =>
      identityHash(compileConfig({ preset: 'tiny', env: {}, flags }))
    assert.notEqual(hash({ 'train.moveEvery': '2' }), hash({}))
    assert.equal(hash({ 'train.moveEvery': '1' }), hash({}))
  })
})
