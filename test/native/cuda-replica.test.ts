// Supervision steps of a replica on the kernels for GPUs, played on the host: the loss where the logits are against the loss on the
// host, recomputed passes against kept ones, micro-batches against one batch, and no memory of the device left behind.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { compileConfig } from '../../shared/config/compile.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { decodeBf16, roundToWire } from '../../shared/gradients/bf16.js'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { drawOf, slotId, stepOf } from '../../shared/ids.js'
import type { StepSums } from '../../shared/protocol/messages.js'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { cudaBackend } from '../../worker/backends/native/cuda/backend.js'
import { Replica, type ReplicaOptions } from '../../worker/train/replica.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'
import { relativeError } from '../helpers/network-pass.js'

const root = process.cwd()
const { model: tiny, train } = compileConfig({ preset: 'tiny', env: {}, flags: { 'train.slots': '2' } })
const small: ModelConfig = { ...tiny, hidden: 32, heads: 2, puzzleEmbDim: 32, hCycles: 2, lCycles: 1 }
const HYBRID = { mixer: 'hybrid', stateSize: 8, stateHead: 16, layers: 1 } as const
const slots = [slotId(0), slotId(1)]

interface Run {
  readonly sums: StepSums[]
  /** Of the last step, as it was applied. */
  readonly grad: Float32Array
  readonly params: Float32Array
}

type OnCommit = (commit: () => void, mean: Float32Array) => void

function trained(options: ReplicaOptions, model = small, onCommit: OnCommit = (commit) => commit()): Run {
  const layout = layoutOf(model)
  const zeros = (): Float32Array => new Float32Array(layout.elements)
  const params = initialParams(layout, 1)
  const arena = { params, ema: params.slice(), m: zeros(), v: zeros(), grad: zeros(), mean: zeros() }
  const replica = new Replica({ model, train, seed: 0 }, layout, arena, initialStates(model, 1), options)
  replica.setSlots(slots.map((slot) => ({ slot, carry: 'reset' as const })))
  const rows = new Float32Array(2 * model.puzzleEmbDim).fill(0.1)
  const takes = new Map(
    slots.map((slot) => {
      const rng = rngFor(3, 'cuda replica', slot, 0)
      const cells = (): Uint8Array => Uint8Array.from({ length: model.seqLen }, () => Math.floor(rng.uniform() * model.vocab)) // prettier-ignore
      return [slot, { draw: drawOf(0), puzzle: 0, inputs: cells(), labels: cells() }]
    }),
  )
  const sums: StepSums[] = []
  for (const step of [1, 2]) {
    const result = replica.step(stepOf(step), rows, takes)
    assert.ok(result.finite)
    assert.equal(result.halves, options.halves === true)
    sums.push(result.sums)
    if (result.halves) decodeBf16(new Uint16Array(arena.grad.buffer, 0, layout.elements), arena.mean)
    else arena.mean.set(arena.grad)
    onCommit(() => replica.commit(stepOf(step)), arena.mean)
  }
  replica.evaluate({ rows, inputs: new Uint8Array(2 * model.seqLen).fill(1), batch: 2 })
  replica.dispose()
  return { sums, grad: arena.mean, params: arena.params }
}

describe('a replica on the CUDA kernels, played on the host', { skip: noCompiler }, () => {
  let plain: Run
  const onDevice = async (): Promise<unknown> =>
    selectBackend('native', { root, precision: 'f32', ...(await cudaUnderTest(root)) })
  before(async () => {
    await onDevice()
    plain = trained({})
  })

  it('computes the loss on the device as on the host', () => {
    const onHost = trained({ inspect: () => undefined })
    plain.sums.forEach((sums, i) =>
      assert.ok(Math.abs(sums.lossTotal / (onHost.sums[i]?.lossTotal ?? NaN) - 1) < 1e-6, `step ${i + 1}`),
    )
    assert.ok(relativeError(plain.grad, onHost.grad) < 1e-5)
  })

  it('gives the same bits with passes that are computed again', () => {
    assert.deepEqual(trained({ recompute: true }), plain)
  })

  it('gives nearly the same in micro-batches', () => {
    const inParts = trained({ microBatch: 1 })
    assert.ok(Math.abs((inParts.sums[0]?.lossTotal ?? NaN) / (plain.sums[0]?.lossTotal ?? NaN) - 1) < 1e-6)
    assert.ok(relativeError(inParts.grad, plain.grad) < 1e-3)
  })

  it('fetches no states of a batch from the device for ops of the library', () => {
    trained({})
    for (const [op, elements] of cudaBackend().fetched)
      assert.ok(elements < small.hidden * small.seqLen, `${op} fetches ${elements} elements`)
  })

  for (const [name, change] of [
    ['ConvSwiGLU', { swiglu: 'conv' }],
    ['Mamba-2 and attention', HYBRID],
    ['Mamba-2 and attention, both directions', { ...HYBRID, scan: 'bidirectional' }],
    ['Mamba-2', { ...HYBRID, mixer: 'mamba', positions: 'none' }],
  ] as const)
    it(`trains ${name} as the reference does`, async () => {
      const model: ModelConfig = { ...small, ...change }
      const ours = trained({}, model)
      const again = trained({ recompute: true }, model)
      assert.deepEqual(again, ours)
      for (const [op, elements] of cudaBackend().fetched)
        assert.ok(elements < model.hidden * model.seqLen, `${op} fetches ${elements} elements`)
      await selectBackend('wasm', { root })
      const theirs = trained({}, model)
      await onDevice()
      ours.sums.forEach(({ lossTotal }, i) =>
        assert.ok(Math.abs(lossTotal / (theirs.sums[i]?.lossTotal ?? NaN) - 1) < 1e-5, `step ${i + 1}`),
      )
      assert.ok(relativeError(ours.grad, theirs.grad) < 1e-3)
    })

  it('lets the gradient out as bf16: the bits that the wire would round it to', () => {
    const of = (halves: boolean): Run & { readonly first: Float32Array } => {
      let first: Float32Array | undefined
      const run = trained({ halves }, small, (commit, mean) => {
        first ??= mean.slice()
        commit()
      })
      return { ...run, first: first as Float32Array }
    }
    const [wide, rounded] = [of(false), of(true)]
    assert.deepEqual(rounded.sums[0], wide.sums[0])
    roundToWire(wide.first, 'bf16')
    assert.deepEqual(rounded.first, wide.first)
    // The second step follows a mean that was rounded.
    assert.ok(relativeError(rounded.params, wide.params) < 0.02)
  })

  it('moves the mean there and the weights back in a commit, and nothing else of their size', () => {
    const { addon } = cudaBackend().engine
    const before = { ...addon }
    let [there, back, commits] = [0, 0, 0]
    addon.write = (device, array, values) => ((there += values.length), before.write(device, array, values))
    addon.read = (device, array, values) => ((back += values.length), before.read(device, array, values))
    try {
      trained({}, small, (commit, { length: elements }) => {
        ;[there, back] = [0, 0]
        commit()
        // The first commit takes weights, moments and average there.
        assert.equal(there, commits++ === 0 ? 5 * elements : elements)
        assert.ok(back >= elements && back < elements + 8, `${back} of ${elements}`)
      })
    } finally {
      Object.assign(addon, before)
    }
    assert.equal(commits, 2)
  })

  it('leaves no tensor behind', () => {
    const { numTensors } = tf.memory()
    trained({})
    assert.equal(tf.memory().numTensors, numTensors)
  })
})
