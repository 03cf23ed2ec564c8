// Networks with sub-layers that the fused pass does not know (Mamba-2, its hybrid with attention, ConvSwiGLU) on the kernels for GPUs,
// played on the host: against the reference composed of plain ops on another backend, in f32 and bf16; the same bits again and with the
// threads of a block in another order; nothing fetched and nothing left behind.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { selectBackend, type BackendOptions } from '../../worker/backends/choose.js'
import { cudaBackend } from '../../worker/backends/native/cuda/backend.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'
import type { Outputs } from '../helpers/native.js'
import { mustAgree } from '../helpers/network-pass.js'
import { computeStack, STACKS } from '../helpers/stacks.js'

const root = process.cwd()
const modelOf = (name: string): ModelConfig => {
  const found = STACKS.find(([own]) => own === name)
  assert.ok(found !== undefined, name)
  return found[1]
}

describe('stacks of other sub-layers on the CUDA kernels, played on the host', { skip: noCompiler }, () => {
  const expected = new Map<string, Outputs>()
  let where: Pick<BackendOptions, 'gpu' | 'cuda'>

  before(async () => {
    where = await cudaUnderTest(root)
    await selectBackend('wasm', { root })
    for (const [name, model] of STACKS) expected.set(name, computeStack(model))
  })

  for (const precision of ['f32', 'bf16'] as const)
    it(`agree with the reference in ${precision}`, async () => {
      await selectBackend('native', { root, precision, ...where })
      const allowed = precision === 'f32' ? { forward: 5e-6, backward: 3e-5 } : { forward: 0.02, backward: 0.05 }
      for (const [name, model] of STACKS) {
        const ours = computeStack(model)
        const theirs = expected.get(name) as Outputs
        mustAgree(ours, theirs, allowed, name)
      }
    })

  it('give the same bits again, and with the threads of a block in the opposite order', async () => {
    await selectBackend('native', { root, precision: 'f32', ...where })
    for (const name of ['hybrid over chunks', 'ConvSwiGLU behind an MLP mixer']) {
      const first = computeStack(modelOf(name))
      const { numTensors } = tf.memory()
      assert.deepEqual(computeStack(modelOf(name)), first, name)
      assert.equal(tf.memory().numTensors, numTensors, `${name} leaves tensors behind`)
      process.env['TRMESH_EMULATION'] = 'backwards'
      try {
        assert.deepEqual(computeStack(modelOf(name)), first, `${name}: threads depend on their order`)
      } finally {
        delete process.env['TRMESH_EMULATION']
      }
    }
  })

  it('fetch nothing from the device for ops of the library', async () => {
    await selectBackend('native', { root, precision: 'bf16', ...where })
    for (const [name, model] of STACKS) {
      cudaBackend().fetched.clear()
      computeStack(model)
      assert.deepEqual([...cudaBackend().fetched], [], name)
    }
  })
})
