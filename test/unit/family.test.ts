// The family of TRM on a model of a few thousand weights: gradients against differences of the loss, and members that must
// be equal to others.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { checkGradient, exampleFor, MODEL, Run } from '../helpers/replica.js'

const CALM: ModelConfig = { ...MODEL, haltExplorationProb: 0 }
const HRM: ModelConfig = { ...CALM, networks: 'two', gradient: 'last', halting: 'continue' }

/** Of Mamba-2, as small as the model. */
const STATES = { stateSize: 4, stateHead: 8 } as const

/** Largest difference, by the largest value. */
function apart(a: Float32Array, b: Float32Array): number {
  let [difference, most] = [0, 0]
  a.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - b[i]!))
    most = Math.max(most, Math.abs(value))
  })
  return difference / most
}

function gradientOf(model: ModelConfig): Float32Array {
  const run = new Run([0, 1, 2], model)
  run.train(1, 2)
  run.propose(3)
  run.replica.dispose()
  return run.arena.grad
}

describe('the family', () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })

  // Where the gradient is cut off somewhere, differences of the loss know nothing of it: everything is graded here.
  const variants: [string, Partial<ModelConfig>][] = [
    ['two networks', { networks: 'two', hLayers: 2, gradedCycles: 2 }],
    ['two networks, MLP mixers', { networks: 'two', mixer: 'mlp', positions: 'none', gradedCycles: 2 }],
    ['thought and answer once', { networks: 'two', hCycles: 1, lCycles: 1, gradient: 'last' }],
    ['all H cycles', { gradedCycles: 2 }],
    ['one state', { states: 'one', gradedCycles: 2 }],
    ['a thought per L cycle', { states: 'many', gradedCycles: 2 }],
    ['a thought per L cycle, two networks', { states: 'many', networks: 'two', gradedCycles: 2 }],
    ['a plain transformer', { states: 'answer', lCycles: 0, hCycles: 1, layers: 2 }],
    ['a transformer run three times', { states: 'answer', lCycles: 0, hCycles: 3, gradedCycles: 3 }],
    ['Mamba-2 alone', { mixer: 'mamba', positions: 'none', ...STATES, gradedCycles: 2 }],
    ['Mamba-2 and attention', { mixer: 'hybrid', ...STATES, gradedCycles: 2 }],
    ['Mamba-2 and attention, both directions', { mixer: 'hybrid', scan: 'bidirectional', ...STATES, gradedCycles: 2 }],
    ['ConvSwiGLU', { swiglu: 'conv', gradedCycles: 2 }],
    ['ConvSwiGLU behind an MLP mixer', { swiglu: 'conv', mixer: 'mlp', positions: 'none', gradedCycles: 2 }],
    ['SwiGLU with a norm inside', { swiglu: 'normed', gradedCycles: 2 }],
    ['the same behind an MLP mixer', { swiglu: 'normed', mixer: 'mlp', positions: 'none', gradedCycles: 2 }],
    ['URM with all loops graded', { states: 'answer', swiglu: 'conv', lCycles: 0, hCycles: 3, gradedCycles: 3 }],
    ['all calls', { gradedCalls: 6 }],
    ['HRM without a choice to halt', { ...HRM, hCycles: 1, lCycles: 1, haltMaxSteps: 1 }],
  ]
  for (const [name, change] of variants)
    it(`has the gradient that differences of its loss give: ${name}`, () => {
      for (const recompute of [false, true]) {
        const run = new Run([0, 1], { ...CALM, ...change }, { recompute })
        checkGradient(run)
        run.replica.dispose()
      }
    })

  const equals: [string, Partial<ModelConfig>, Partial<ModelConfig>][] = [
    ['one thought of its own is one thought', { states: 'many', lCycles: 1 }, { lCycles: 1 }],
    ['the last two calls are the last thought and answer', { gradedCalls: 2 }, { gradient: 'last' }],
    [
      'the calls of the last two cycles are those cycles',
      { hCycles: 3, gradedCalls: 6 },
      { hCycles: 3, gradedCycles: 2 },
    ],
    ['the last thought of one is all of them', { lCycles: 1, gradient: 'last' }, { lCycles: 1 }],
  ]
  for (const [name, one, other] of equals)
    it(`is the same, bit for bit: ${name}`, () => {
      assert.deepEqual(gradientOf({ ...CALM, ...one }), gradientOf({ ...CALM, ...other }))
    })

  it('cuts the gradient where it is told to', () => {
    const cuts = [{}, { gradient: 'last' as const }, { gradedCycles: 2 }, { gradedCycles: 3 }, { gradedCalls: 5 }]
    const [cycle, last, two, three, five] = cuts.map((change) => gradientOf({ ...CALM, hCycles: 3, ...change }))
    for (const other of [last, two, three, five]) assert.ok(apart(cycle!, other!) > 1e-3)
    assert.ok(apart(two!, three!) > 1e-3)
    assert.ok(apart(two!, five!) > 1e-3, 'a cut inside a cycle is no cut between cycles')
  })

  it('adds up to the shared network where both networks are equal', () => {
    const shared = new Run([0, 1, 2], CALM)
    const two = new Run([0, 1, 2], { ...CALM, networks: 'two' })
    const from = layoutOf(shared.model)
    const to = layoutOf(two.model)
    const own = (name: string): string => name.replace('H_level', 'L_level')
    const source = (name: string): Float32Array => {
      const { offset, elements } = from.entries.find((entry) => entry.name === own(name))!
      return shared.arena.params.subarray(offset, offset + elements)
    }
    for (const { name, offset } of to.entries) two.arena.params.set(source(name), offset)
    two.replica.reload()
    assert.deepEqual(two.propose(1).sums, shared.propose(1).sums)
    const sum = new Float32Array(from.elements)
    for (const { name, offset, elements } of to.entries) {
      const at = from.entries.find((entry) => entry.name === own(name))!.offset
      for (let i = 0; i < elements; i++) sum[at + i] = sum[at + i]! + two.arena.grad[offset + i]!
    }
    assert.ok(apart(sum, shared.arena.grad) < 1e-5)
    shared.replica.dispose()
    two.replica.dispose()
  })

  it('gives HRM the same bits twice, through other carries, and leaves no tensor behind', () => {
    for (const model of [HRM, { ...CALM, states: 'many' }, { ...CALM, states: 'one' }] as ModelConfig[]) {
      const tensors = tf.memory().numTensors
      const once = new Run([0, 1, 2, 3], model)
      const again = new Run([0, 1, 2, 3], model)
      once.train(1, 6)
      again.train(1, 3)
      const carries = again.replica.carries()
      again.replica.setSlots(carries.map((carry) => ({ slot: carry.slot, carry })))
      again.train(4, 6)
      assert.deepEqual(again.state(), once.state())
      const inputs = Uint8Array.from(once.slots.flatMap((slot) => Array.from(exampleFor(slot, 9, model).inputs)))
      const asked = { rows: new Float32Array(4 * model.puzzleEmbDim).fill(0.1), inputs, batch: 4 }
      assert.deepEqual(once.replica.evaluate(asked), again.replica.evaluate(asked))
      once.replica.dispose()
      again.replica.dispose()
      assert.equal(tf.memory().numTensors, tensors)
    }
  })

  it('teaches q_continue, and halts by it', () => {
    const run = new Run([0, 1, 2, 3], HRM)
    const bias = layoutOf(HRM).entries.find(({ name }) => name === 'q_head.bias')!.offset
    run.train(1, 2)
    run.propose(3)
    assert.notEqual(run.arena.grad[bias + 1], 0)
    run.replica.discard()
    // q_halt far above zero, q_continue above or below it: only their order counts.
    for (const [goOn, halts] of [
      [1e4, false],
      [-1e4, true],
    ] as const) {
      run.arena.params.set([100, goOn], bias)
      run.arena.ema.set(run.arena.params)
      run.replica.reload()
      run.replica.setSlots(run.slots.map((slot) => ({ slot, carry: 'reset' as const })))
      assert.deepEqual(run.propose(4).halted, new Array(4).fill(halts))
      run.replica.discard()
      const inputs = exampleFor(run.slots[0]!, 9, HRM).inputs
      const asked = { rows: new Float32Array(HRM.puzzleEmbDim), inputs, batch: 1 }
      const { halts: at } = run.replica.evaluate(asked, { steps: [3], early: true })
      assert.deepEqual([...at], [halts ? 1 : 3])
    }
    run.replica.dispose()
  })
})
