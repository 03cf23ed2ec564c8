// Networks with sub-layers that the native engine's fused pass does not know (Mamba-2, its hybrid with attention, ConvSwiGLU):
// against the reference composed of plain ops on another backend, in f32 and bf16, on every instruction set that this machine
// can run; the same bits for any number of threads; nothing left behind.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { setsBuilt, type Outputs } from '../helpers/native.js'
import { mustAgree } from '../helpers/network-pass.js'
import { computeStack, STACKS } from '../helpers/stacks.js'

const root = process.cwd()
const sets = setsBuilt(root)
const skip = sets.length > 0 ? false : 'the native engine is not built here: npm run native'

/** Nothing is left behind. */
function compute(model: ModelConfig): Outputs {
  const alive = tf.memory().numTensors
  const outputs = computeStack(model)
  assert.equal(tf.memory().numTensors, alive, 'tensors left behind')
  return outputs
}

describe('stacks of other sub-layers on the native engine', { skip }, () => {
  const expected = new Map<string, Outputs>()

  for (const isa of sets)
    for (const precision of ['f32', 'bf16'] as const)
      it(`agree with the reference: ${isa.name}, ${precision}`, async () => {
        if (expected.size === 0) {
          await selectBackend('wasm', { root })
          for (const [name, model] of STACKS) expected.set(name, compute(model))
        }
        await selectBackend('native', { root, isa: isa.name, precision, threads: 2 })
        for (const [name, model] of STACKS) {
          const ours = compute(model)
          const theirs = expected.get(name) as Outputs
          const allowed = precision === 'f32' ? { forward: 5e-6, backward: 3e-5 } : { forward: 0.02, backward: 0.05 }
          mustAgree(ours, theirs, allowed, name)
        }
      })

  it('give the same bits again, and for 1, 2 and 3 threads', async () => {
    for (const precision of ['f32', 'bf16'] as const)
      for (const [name, model] of STACKS) {
        const all: Outputs[] = []
        for (const threads of [1, 2, 2, 3]) {
          await selectBackend('native', { root, ...(sets[0] && { isa: sets[0].name }), precision, threads })
          all.push(compute(model))
        }
        for (const other of all.slice(1)) assert.deepEqual(other, all[0], name)
      }
  })
})
