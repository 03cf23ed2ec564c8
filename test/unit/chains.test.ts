// Winner take all: which chain wins, what becomes of the others, and that its gradient is that of the loss it stands for.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { carryOf } from '../../shared/carry.js'
import { compileConfig } from '../../shared/config/compile.js'
import { flopsOf } from '../../shared/flops.js'
import { initialStates } from '../../shared/gradients/init.js'
import { slotId } from '../../shared/ids.js'
import { startNamesOf } from '../../shared/recursion.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { chainOf, lowest } from '../../worker/train/chains.js'
import { checkGradient, exampleFor, MODEL, Run, SEED } from '../helpers/replica.js'

const four = [0, 1, 2, 3]
const CHAINS: ModelConfig = { ...MODEL, chains: 3, haltExplorationProb: 0 }

describe('chains', () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })

  it('are numbered, and the first of the lowest losses wins', () => {
    assert.equal(lowest([3, 1, 2, 1]), 1)
    assert.equal(lowest([5]), 0)
    assert.deepEqual(chainOf(['y', 'a1', 'a2', 'b1', 'b2'], 1, 2), ['y', 'b1', 'b2'])
    assert.deepEqual(startNamesOf(CHAINS), ['H_init', 'L_init', 'L_init.1', 'L_init.2'])
    assert.deepEqual(carryOf(CHAINS), { zH: 17 * 16, zL: 3 * 17 * 16 })
    const [one, three] = [initialStates(MODEL, SEED), initialStates(CHAINS, SEED)]
    assert.deepEqual(three.lInit.slice(0, 16), one.lInit, 'the first chain starts where TRM starts')
    assert.deepEqual(three.hInit, one.hInit)
  })

  it('each run as a model of that chain alone would; the one with the lowest loss is proposed', () => {
    // One slot a run, so that its loss is the slot's; the loss of q does not decide.
    for (const slot of four) {
      const raced = new Run([slot], CHAINS)
      const { lInit } = initialStates(CHAINS, SEED)
      const alone = [0, 1, 2].map((chain) => {
        const run = new Run([slot], { ...CHAINS, chains: 1 }, {}, lInit.slice(16 * chain, 16 * (chain + 1)))
        const { sums } = run.propose(1)
        return { run, sums, gradient: run.arena.grad.slice() }
      })
      const winner = lowest(alone.map(({ sums }) => sums.lmLoss))
      const result = raced.propose(1)
      assert.ok(Math.abs(result.sums.lossTotal - alone[winner]!.sums.lossTotal) < 1e-5, `slot ${slot}`)
      const off = raced.arena.grad.map((value, i) => Math.abs(value - alone[winner]!.gradient[i]!))
      assert.ok(off.every((value) => value < 1e-5))
      // Everyone keeps its own thoughts; the answer is the winner's.
      raced.commit(1)
      const [carry] = raced.replica.carries()
      alone.forEach(({ run }, chain) => {
        run.commit(1)
        const [own] = run.replica.carries()
        const part = carry!.zL.subarray(272 * chain, 272 * (chain + 1))
        assert.ok(
          part.every((value, i) => Math.abs(value - own!.zL[i]!) < 1e-4),
          `chain ${chain}`,
        )
        const same = carry!.zH.every((value, i) => Math.abs(value - own!.zH[i]!) < 1e-4)
        assert.equal(same, chain === winner)
        run.replica.dispose()
      })
      raced.replica.dispose()
    }
  })

  it('do not all lose to the first', () => {
    const winners = new Set(
      Array.from({ length: 8 }, (_, slot) => {
        const losses = [0, 1, 2].map((chain) => {
          const lInit = initialStates(CHAINS, SEED).lInit.slice(16 * chain, 16 * (chain + 1))
          const run = new Run([slot], { ...CHAINS, chains: 1 }, {}, lInit)
          const { lmLoss } = run.propose(1).sums
          run.replica.dispose()
          return lmLoss
        })
        return lowest(losses)
      }),
    )
    assert.ok(winners.size > 1)
  })

  it('have the gradient that differences of the loss give', () => {
    const run = new Run([0, 1], { ...CHAINS, hCycles: 1 })
    checkGradient(run)
    run.replica.dispose()
    const many = new Run([0], { ...CHAINS, chains: 2, states: 'many', hCycles: 1 })
    checkGradient(many)
    many.replica.dispose()
  })

  it('give the same bits twice and in a replay, also with random starts and noise, and leave no tensor behind', () => {
    const empty = tf.memory().numTensors
    const model: ModelConfig = { ...CHAINS, start: 'random', stepNoise: 0.1, haltExplorationProb: 0.5 }
    const [a, b] = [new Run(four, model), new Run(four, model, { microBatch: 4 })]
    assert.deepEqual(a.train(1, 3), b.train(1, 3))
    assert.deepEqual(a.state(), b.state())
    const alive = tf.memory().numTensors
    const first = a.propose(4)
    a.replica.discard()
    assert.deepEqual(a.propose(4), first)
    a.replica.discard()
    assert.equal(tf.memory().numTensors, alive)
    a.replica.dispose()
    b.replica.dispose()
    assert.equal(tf.memory().numTensors, empty)
  })

  it('answer each alone at test time, the first unless another is asked', () => {
    const run = new Run(four, CHAINS)
    run.train(1, 3)
    const { inputs } = exampleFor(slotId(1), 9, MODEL)
    const ask = (chains?: number[]) => {
      const batch = chains?.length ?? 1
      const tokens = Uint8Array.from({ length: batch * 15 }, (_, i) => inputs[i % 15]!)
      const asked = { rows: new Float32Array(16 * batch).fill(0.3), inputs: tokens, batch, ...(chains && { chains }) }
      return [...run.replica.evaluate(asked).q]
    }
    const [zero, one, two] = ask([0, 1, 2])
    assert.equal(new Set([zero, one, two]).size, 3)
    assert.ok(Math.abs(ask()[0]! - zero!) < 1e-5)
    run.replica.dispose()
  })

  it('cost a forward step each more, and the answer nothing', () => {
    const [one, three] = ['1', '3'].map((chains) =>
      flopsOf(compileConfig({ preset: 'sudoku-mlp', env: {}, flags: { 'model.chains': chains } }).model),
    )
    assert.equal(three!.train, one!.train + 3 * one!.forward)
    assert.equal(three!.answer, one!.answer)
    assert.throws(
      () => compileConfig({ preset: 'tiny', env: {}, flags: { 'model.chains': '2', 'model.states': 'one' } }),
      /model\.chains \(2\) must be 1/,
    )
    assert.throws(
      () => compileConfig({ preset: 'tiny', env: {}, flags: { 'model.startStd': '2' } }),
      /has no effect with model\.start fixed/,
    )
  })
})
