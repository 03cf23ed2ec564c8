// Networks with sub-layers that the native engine's fused pass does not know (Mamba-2, its hybrid with attention, ConvSwiGLU):
// against the reference composed of plain ops on another backend, in f32 and bf16, on every instruction set that this machine
// can run; the same bits for any number of threads; nothing left behind.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { initialParams } from '../../shared/gradients/init.js'
import { layoutOf, positionsOf } from '../../shared/gradients/layout.js'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { uploadParameters } from '../../worker/model/parameters.js'
import { Gradients } from '../../worker/ops/gradients.js'
import { network } from '../../worker/ops/network.js'
import { ropeTables } from '../../worker/ops/rope.js'
import { setsBuilt } from '../helpers/native.js'
import { MODEL } from '../helpers/replica.js'

const root = process.cwd()
const sets = setsBuilt(root)
const skip = sets.length > 0 ? false : 'the native engine is not built here: npm run native'
const BATCH = 2

const WIDE: ModelConfig = { ...MODEL, hidden: 64, heads: 2, expansion: 1, stateSize: 24, stateHead: 32 }
const MODELS: readonly [string, ModelConfig][] = [
  ['hybrid over chunks', { ...WIDE, mixer: 'hybrid', seqLen: 68 }],
  ['hybrid, both directions', { ...WIDE, mixer: 'hybrid', scan: 'bidirectional', seqLen: 31 }],
  [
    'odd Mamba-2',
    { ...WIDE, hidden: 36, stateSize: 5, stateHead: 9, mixer: 'mamba', positions: 'none', layers: 2, seqLen: 1 },
  ],
  ['a norm inside SwiGLU, behind Mamba-2 too', { ...WIDE, swiglu: 'normed', mixer: 'hybrid', seqLen: 19 }],
  [
    'a norm inside SwiGLU, behind Mamba-2 alone',
    { ...WIDE, swiglu: 'normed', mixer: 'mamba', positions: 'none', seqLen: 13 },
  ],
  ['ConvSwiGLU', { ...WIDE, swiglu: 'conv', layers: 2, seqLen: 21 }],
  ['ConvSwiGLU behind an MLP mixer', { ...WIDE, swiglu: 'conv', mixer: 'mlp', positions: 'none', seqLen: 11 }],
]

interface Outputs {
  readonly y: Float32Array
  readonly ySaving: Float32Array
  readonly dh: Float32Array
  readonly gradients: Float32Array
}

/** Forward, forward with saves and backward (twice, so that gradients add up) on the current backend. */
function compute(model: ModelConfig): Outputs {
  const layout = layoutOf(model)
  const positions = positionsOf(model)
  const parameters = uploadParameters(model, layout, initialParams(layout, 3))
  const rng = rngFor(7, 'native stacks')
  const draw = (): tf.Tensor2D => {
    const size = BATCH * positions * model.hidden
    return tf.tensor2d(Float32Array.from({ length: size }, () => 2 * rng.uniform() - 1), [size / model.hidden, model.hidden]) // prettier-ignore
  }
  const alive = tf.memory().numTensors
  const gradients = new Gradients()
  const outputs = tf.tidy(() => {
    const [h, injection, dy] = [draw(), draw(), draw()]
    const rope = model.positions === 'rope' ? ropeTables(positions, model.hidden / model.heads, 10_000) : null
    const shape = {
      batch: BATCH,
      positions,
      heads: model.heads,
      rope,
      eps: 1e-5,
      scan: model.scan,
      normed: model.swiglu === 'normed',
    }
    const stack = parameters.networks.L
    const values = (t: tf.Tensor): Float32Array => t.dataSync<'float32'>().slice()
    const y = values(network().forward(h, injection, stack, shape))
    const { y: saving, saved } = network().forwardSaving(h, injection, stack, shape)
    const ySaving = values(saving)
    const dh = values(network().backward(saved, dy, stack, shape, gradients))
    network().backward(saved, dy, stack, shape, gradients)
    const flat = new Float32Array(layout.elements)
    gradients.addTo(flat)
    return { y, ySaving, dh, gradients: flat }
  }) as unknown as Outputs
  assert.equal(tf.memory().numTensors, alive, 'tensors left behind')
  parameters.dispose()
  return outputs
}

/** Root mean square of the difference over that of the expected values. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  assert.equal(actual.length, expected.length)
  let [difference, size] = [0, 0]
  expected.forEach((value, i) => {
    difference += ((actual[i] as number) - value) ** 2
    size += value ** 2
  })
  return Math.sqrt(difference / size)
}

describe('stacks of other sub-layers on the native engine', { skip }, () => {
  const expected = new Map<string, Outputs>()

  for (const isa of sets)
    for (const precision of ['f32', 'bf16'] as const)
      it(`agree with the reference: ${isa.name}, ${precision}`, async () => {
        if (expected.size === 0) {
          await selectBackend('wasm', { root })
          for (const [name, model] of MODELS) expected.set(name, compute(model))
        }
        await selectBackend('native', { root, isa: isa.name, precision, threads: 2 })
        for (const [name, model] of MODELS) {
          const ours = compute(model)
          const theirs = expected.get(name) as Outputs
          const allowed = precision === 'f32' ? { forward: 5e-6, backward: 3e-5 } : { forward: 0.02, backward: 0.05 }
          for (const [what, limit] of [
            ['y', allowed.forward],
            ['ySaving', allowed.forward],
            ['dh', allowed.backward],
            ['gradients', allowed.backward],
          ] as const) {
            const error = relativeError(ours[what], theirs[what])
            assert.ok(error < limit, `${name}: ${what} is off by ${error}, allowed ${limit}`)
          }
          assert.deepEqual(ours.y, ours.ySaving, `${name}: saving changes the result`)
        }
      })

  it('give the same bits again, and for 1, 2 and 3 threads', async () => {
    for (const precision of ['f32', 'bf16'] as const)
      for (const [name, model] of MODELS) {
        const all: Outputs[] = []
        for (const threads of [1, 2, 2, 3]) {
          await selectBackend('native', { root, ...(sets[0] && { isa: sets[0].name }), precision, threads })
          all.push(compute(model))
        }
        for (const other of all.slice(1)) assert.deepEqual(other, all[0], name)
      }
  })
})
