// The golden models on the kernels for GPUs, played on the host, in f32 and in bf16. What a GPU makes of the same kernels is not
// tested here: that is `npm run parity -- --backend native --gpu 0`, on a machine that has one.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { selectBackend } from '../../worker/backends/choose.js'
import { emulatedCuda, noCompiler } from '../helpers/cuda.js'
import { checkFolder } from './run.js'

const root = process.cwd()
const folder = resolve(root, '../shared/parity')
const skip = existsSync(folder) ? noCompiler : `${folder} is not here`
const NAMES = ['model-att.json', 'model-att-b.json', 'model-mlp.json', 'model-mlp-b.json', 'model-hrm-b.json']

describe('golden models on the CUDA kernels, played on the host', { skip }, () => {
  for (const precision of ['f32', 'bf16'] as const)
    it(precision, async () => {
      const backend = await selectBackend('native', { root, gpu: 0, precision, cuda: await emulatedCuda(root) })
      assert.equal(backend.precision, precision)
      const reports = [...checkFolder(folder, precision, (name) => NAMES.includes(name))]
      assert.deepEqual(
        reports.map(({ name, outcome, line }) => `${name} ${outcome}${outcome === 'passed' ? '' : `: ${line}`}`),
        NAMES.toSorted().map((name) => `${name} passed`),
      )
    })
})
