// Networks with sub-layers that no fused pass knows (Mamba-2, its hybrid with attention, ConvSwiGLU), run forward and back on
// whatever backend is set: for tests that hold engines against each other.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { initialParams } from '../../shared/gradients/init.js'
import { layoutOf, positionsOf } from '../../shared/gradients/layout.js'
import { rngFor } from '../../shared/rng/counter.js'
import { uploadParameters } from '../../worker/model/parameters.js'
import { Gradients } from '../../worker/ops/gradients.js'
import { network } from '../../worker/ops/network.js'
import { ropeTables } from '../../worker/ops/rope.js'
import type { Outputs } from './native.js'
import { MODEL } from './replica.js'

const BATCH = 2

const WIDE: ModelConfig = { ...MODEL, hidden: 64, heads: 2, expansion: 1, stateSize: 24, stateHead: 32 }
export const STACKS: readonly [string, ModelConfig][] = [
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

/** Forward, forward with saves and backward (twice, so that gradients add up) on the current backend. */
export function computeStack(model: ModelConfig): Outputs {
  const layout = layoutOf(model)
  const positions = positionsOf(model)
  const parameters = uploadParameters(model, layout, initialParams(layout, 3))
  const rng = rngFor(7, 'native stacks')
  const draw = (): tf.Tensor2D => {
    const size = BATCH * positions * model.hidden
    return tf.tensor2d(Float32Array.from({ length: size }, () => 2 * rng.uniform() - 1), [size / model.hidden, model.hidden]) // prettier-ignore
  }
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
  parameters.dispose()
  return outputs
}
