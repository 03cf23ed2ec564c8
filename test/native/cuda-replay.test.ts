// The recursion as a recording that is played again, on the kernels played on the host, whose recordings keep every launch with its
// addresses: when it is made, when it is played, when it is let go, and that nothing of it changes a bit.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { cudaBackend } from '../../worker/backends/native/cuda/backend.js'
import { Replays, replays, type ReplayCounts } from '../../worker/backends/native/cuda/replay.js'
import type { StepResult } from '../../worker/train/replica.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'
import { MODEL, Run } from '../helpers/replica.js'

const root = process.cwd()
const model: ModelConfig = { ...MODEL, hidden: 32, puzzleEmbDim: 32, hCycles: 3 }
const SLOTS = [0, 1, 2]

const open = async (graphs: boolean, precision: 'f32' | 'bf16' = 'f32'): Promise<unknown> =>
  selectBackend('native', { root, precision, graphs, ...(await cudaUnderTest(root)) })

interface Trained {
  readonly results: StepResult[]
  readonly state: unknown
  readonly counts: ReplayCounts
}

function trained(of: ModelConfig = model, between: (run: Run, step: number) => void = () => undefined): Trained {
  const run = new Run(SLOTS, of)
  const before = { ...replays().counts }
  const results = [1, 2, 3, 4, 5].map((step) => {
    const result = run.propose(step)
    run.commit(step)
    between(run, step)
    return result
  })
  const state = run.state()
  run.replica.dispose()
  const { recorded, played, dropped, refused } = replays().counts
  const counts = { recorded: recorded - before.recorded, played: played - before.played, dropped: dropped - before.dropped, refused } // prettier-ignore
  return { results, state, counts }
}

describe('the recursion as a recording', { skip: noCompiler }, () => {
  for (const precision of ['f32', 'bf16'] as const)
    it(`is recorded at the second step and played from then on, to the same bits (${precision})`, async () => {
      await open(false, precision)
      const plain = trained()
      assert.deepEqual(plain.counts, { recorded: 0, played: 0, dropped: 0, refused: undefined })
      await open(true, precision)
      const { counts, ...rest } = trained()
      assert.deepEqual(counts, { recorded: 1, played: 4, dropped: 0, refused: undefined })
      assert.deepEqual(rest, { results: plain.results, state: plain.state })
    })

  it('holds sub-layers of smaller ops too, whose parameters lie where they lay after an update', async () => {
    for (const other of [
      { mixer: 'hybrid', stateSize: 4, stateHead: 16, layers: 1, hCycles: 2 },
      { swiglu: 'conv', hCycles: 2 },
    ] as const) {
      const of: ModelConfig = { ...model, ...other }
      await open(false)
      const plain = trained(of)
      await open(true)
      const { counts, ...rest } = trained(of)
      assert.deepEqual(counts, { recorded: 1, played: 4, dropped: 0, refused: undefined })
      assert.deepEqual(rest, { results: plain.results, state: plain.state })
    }
  })

  it('is made again when the memory of the engine has moved', async () => {
    const evaluate = ({ replica }: Run, step: number): void => {
      if (step !== 3) return
      const batch = 7
      const inputs = new Uint8Array(batch * model.seqLen).fill(1)
      replica.evaluate({ rows: new Float32Array(batch * model.puzzleEmbDim), inputs, batch })
    }
    await open(false)
    const plain = trained(model, evaluate)
    await open(true)
    const { counts, ...rest } = trained(model, evaluate)
    // Once at step 2, and once at step 4. The answers are a chain of other work, seen once or recorded too.
    assert.ok(counts.dropped >= 1 && counts.recorded >= 2, JSON.stringify(counts))
    assert.deepEqual(rest, { results: plain.results, state: plain.state })
  })

  it('is not made of work that copies on its way: launched as before, with the reason said once', async () => {
    const one: ModelConfig = { ...model, states: 'one' }
    await open(false)
    const plain = trained(one)
    await open(true)
    const said: string[] = []
    const warn = (warning: Error): void => void said.push(warning.message)
    process.on('warning', warn)
    const first = trained(one)
    const second = trained(one)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warn)
    for (const { counts, results, state } of [first, second]) {
      assert.deepEqual(counts, { recorded: 0, played: 0, dropped: 0, refused: 'it copies between host and GPU on its way' }) // prettier-ignore
      assert.deepEqual({ results, state }, { results: plain.results, state: plain.state })
    }
    assert.deepEqual(
      said.filter((line) => line.includes('graph')),
      ['the recursion runs without a graph of the GPU: it copies between host and GPU on its way'],
    )
  })

  it('is of one shape: another number of samples is other work, and so is what was used longest ago', async () => {
    await open(true)
    const own = new Replays(cudaBackend(), assert.fail)
    const shape = { batch: 1, positions: 2, heads: 1, rope: null, eps: 1e-5, scan: 'causal', normed: false } as const
    const double = (rows: number): number[] => {
      const x = tf.add<tf.Tensor2D>(tf.ones([rows, 8]), tf.matMul(tf.ones([rows, 8]), tf.eye(8)))
      const work = { what: 'double', shape, stacks: [], inputs: [x], perform: ([a]: readonly tf.Tensor2D[]) => [tf.add<tf.Tensor2D>(a!, a!)] } // prettier-ignore
      return [...(own.run(work)[0] as tf.Tensor2D).dataSync()]
    }
    const { numTensors } = tf.memory()
    tf.tidy(() => {
      for (const rows of [2, 2, 3, 2, 3]) assert.deepEqual(double(rows), new Array<number>(8 * rows).fill(4))
      assert.deepEqual(own.counts, { recorded: 2, played: 3, dropped: 0, refused: undefined })
      double(4) // takes the place of what was used longest ago: 2 rows
      assert.equal(own.counts.dropped, 1)
      double(3)
      double(2)
      assert.deepEqual(own.counts, { recorded: 2, played: 4, dropped: 1, refused: undefined })
      own.forget()
      assert.equal(own.counts.dropped, 2)
      assert.deepEqual(double(3), new Array<number>(24).fill(4))
      assert.equal(own.counts.recorded, 3)
      own.forget()
    })
    assert.equal(tf.memory().numTensors, numTensors)
  })
})
