// Newer members of the family on the backends that have kernels of their own for them: the gradient of the whole model against
// differences of its loss, in f32, as test/unit/family.test.ts does on wasm.
import { describe, it } from 'node:test'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { findTensorflow } from '../../worker/backends/tensorflow.js'
import { setsBuilt } from '../helpers/native.js'
import { checkGradient, MODEL, Run } from '../helpers/replica.js'

const root = process.cwd()

/** Everything is graded: differences of the loss know nothing of a gradient that is cut off. */
const ALL: ModelConfig = { ...MODEL, haltExplorationProb: 0, gradedCycles: 2 }
/** Few positions and calls: the scan of tensorflow goes position by position. */
const STATES = { stateSize: 4, stateHead: 8, seqLen: 6, hCycles: 1, gradedCycles: 1 } as const
const MEMBERS: readonly [string, Partial<ModelConfig>][] = [
  ['Mamba-2 and attention', { mixer: 'hybrid', ...STATES }],
  ['Mamba-2 and attention, both directions', { mixer: 'hybrid', scan: 'bidirectional', ...STATES }],
  ['ConvSwiGLU', { swiglu: 'conv' }],
  ['ConvSwiGLU behind an MLP mixer', { swiglu: 'conv', mixer: 'mlp', positions: 'none' }],
  ['SwiGLU with a norm inside', { swiglu: 'normed' }],
  ['the same behind an MLP mixer', { swiglu: 'normed', mixer: 'mlp', positions: 'none' }],
  ['the same behind Mamba-2', { swiglu: 'normed', mixer: 'mamba', positions: 'none', ...STATES }],
]

for (const [backend, skip] of [
  ['native', setsBuilt(root).length > 0 ? false : 'the native engine is not built here: npm run native'],
  [
    'tensorflow',
    findTensorflow(root).length > 0 ? false : 'TensorFlow is not installed here: deploy/tensorflow.sh cpu',
  ],
] as const)
  describe(`the family on ${backend}`, { skip }, () => {
    for (const [name, change] of MEMBERS)
      it(`has the gradient that differences of its loss give: ${name}`, async () => {
        await selectBackend(backend, { root, precision: 'f32', threads: 1 })
        const run = new Run([0, 1], { ...ALL, ...change })
        checkGradient(run)
        run.replica.dispose()
      })
  })
