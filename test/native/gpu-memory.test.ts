// What worker/train/gpu-memory.ts says that a replica lays on a GPU, held against what the engine allocates there, on the kernels
// played on the host; and that the memory of recordings is given back.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { cudaBackend } from '../../worker/backends/native/cuda/backend.js'
import { replays } from '../../worker/backends/native/cuda/replay.js'
import { gpuBytes, gpuParts, recordedStates } from '../../worker/train/gpu-memory.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'
import { MODEL, Run } from '../helpers/replica.js'

const root = process.cwd()
const base: ModelConfig = { ...MODEL, hidden: 64, heads: 2, puzzleEmbDim: 64, seqLen: 14, precision: 'bf16' }
const STATES = { mixer: 'hybrid', stateSize: 16, stateHead: 32, layers: 1 } as const
const MODELS: Readonly<Record<string, ModelConfig>> = {
  attention: base,
  'the MLP mixer': { ...base, mixer: 'mlp', positions: 'none' },
  'two layers in f32': { ...base, layers: 2, precision: 'f32' },
  'Mamba-2 and attention': { ...base, ...STATES },
  'both directions': { ...base, ...STATES, scan: 'bidirectional' },
  ConvSwiGLU: { ...base, swiglu: 'conv' },
  // Two networks, and a look at the step after this one: a third work to record.
  HRM: { ...base, networks: 'two', hLayers: 1, gradient: 'last', halting: 'continue' },
}

/** Of cuBLASLt on a real GPU, which the budget of a micro-batch leaves aside. */
const WORKSPACE = process.env['TRMESH_TEST_GPU'] === undefined ? 0 : 64 * 2 ** 20

interface Measured {
  /** At most, of the engine's life. */
  readonly used: number
  readonly estimated: number
}

/** An engine of its own trains and evaluates: both are recorded at their second time. */
async function measured(
  model: ModelConfig,
  batch: number,
  recompute: boolean,
  graphs: boolean,
  more = 0,
): Promise<Measured> {
  const { precision } = model
  await selectBackend('native', { root, precision, graphs, ...(await cudaUnderTest(root)) })
  const slots = batch + more
  const run = new Run([...Array(slots).keys()], model, { recompute, microBatch: batch })
  const inputs = new Uint8Array(batch * model.seqLen).fill(1)
  for (const step of [1, 2, 3]) {
    run.propose(step)
    run.commit(step)
    if (step < 3) run.replica.evaluate({ rows: new Float32Array(batch * model.puzzleEmbDim), inputs, batch })
  }
  assert.equal(replays().counts.refused, undefined)
  assert.ok(replays().counts.recorded >= (graphs ? 2 : 0))
  const { addon, device } = cudaBackend().engine
  const used = addon.mostUsed(device)
  run.replica.dispose()
  replays().forget()
  return { used, estimated: WORKSPACE + gpuBytes(model, { batch, slots, recompute, graphs }) }
}

/** Between two numbers of samples, of one. */
const each = (few: Measured, many: Measured, of: keyof Measured): number => (many[of] - few[of]) / 4

describe('the memory of a GPU', { skip: noCompiler }, () => {
  for (const [name, model] of Object.entries(MODELS))
    for (const recompute of [false, true])
      it(`is what is allocated, or a little more: ${name}${recompute ? ', passes computed again' : ''}`, async () => {
        const few = await measured(model, 2, recompute, true)
        const many = await measured(model, 6, recompute, true)
        for (const { used, estimated } of [few, many]) {
          assert.ok(used <= estimated, `${used} bytes are used, ${estimated} were expected`)
          // Weights are most of it here.
          assert.ok(estimated < 1.2 * used, `${used} bytes are used, ${estimated} were expected`)
        }
        const [used, estimated] = [each(few, many, 'used'), each(few, many, 'estimated')]
        assert.ok(used <= estimated, `${used} bytes of a sample are used, ${estimated} were expected`)
        // It counts the states of a slot as often as they may differ, and all recordings that are kept as whole supervision steps. HRM
        // has one graded cycle of two, and lets go of what it recorded, in training, when it is evaluated.
        const room = model.networks === 'two' ? 2 : 1.25
        assert.ok(estimated < room * used, `${used} bytes of a sample are used, ${estimated} were expected`)
      })

  it('holds the states of slots beyond a micro-batch', async () => {
    const own = await measured(base, 2, true, true)
    const more = await measured(base, 2, true, true, 4)
    assert.ok(more.used <= more.estimated, `${more.used} bytes are used, ${more.estimated} were expected`)
    // Two states each, as of the last commit and as of the step after it.
    assert.equal(more.estimated - own.estimated, 4 * 4 * 4 * 16 * base.hidden)
    assert.ok(more.used - own.used > (more.estimated - own.estimated) / 2)
  })

  it('grows by what two recordings keep, in training and in evaluation', async () => {
    const batch = 4
    const model: ModelConfig = { ...base, hCycles: 3 }
    const plain = await measured(model, batch, true, false)
    const recorded = await measured(model, batch, true, true)
    assert.equal(recordedStates(model), 7)
    const { graphs } = gpuParts(model, { batch, slots: batch, recompute: true, graphs: true })
    assert.equal(recorded.used - plain.used, graphs)
  })

  it('of recordings is free again when they go, but for what an array still holds', async () => {
    await selectBackend('native', { root, precision: 'f32', ...(await cudaUnderTest(root)) })
    const { addon, device } = cudaBackend().engine
    const floats = 1 << 16
    const two = new Float32Array(floats).fill(2)
    const once = (): void => {
      const [input, before] = [addon.allocate(device, floats), addon.allocate(device, floats)]
      addon.write(device, input, two)
      addon.startRecording(device)
      const passing = addon.allocate(device, floats)
      addon.add(device, input, input, passing)
      addon.release(device, passing)
      addon.release(device, before) // not the recording's: it goes when the recording is made
      const output = addon.allocate(device, floats) // where `passing` lay
      addon.add(device, input, input, output)
      const recording = addon.finishRecording(device)
      addon.replay(device, recording)
      addon.dropRecording(device, recording)
      const values = new Float32Array(floats)
      addon.read(device, output, values)
      assert.ok(values.every((value) => value === 4))
      addon.release(device, output)
      addon.release(device, input)
    }
    once()
    const most = addon.mostUsed(device)
    assert.equal(most, 3 * 4 * floats)
    for (let i = 0; i < 3; i++) once()
    assert.equal(addon.mostUsed(device), most)
  })
})
