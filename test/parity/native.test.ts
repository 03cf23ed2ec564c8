// The golden models on the native engine: every instruction set that this machine can run, in f32 and in bf16.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { selectBackend } from '../../worker/backends/choose.js'
import { setsBuilt } from '../helpers/native.js'
import { checkFolder } from './run.js'

const root = process.cwd()
const folder = resolve(root, '../shared/parity')
const sets = setsBuilt(root)
const skip = !existsSync(folder)
  ? `${folder} is not here`
  : sets.length === 0 && 'the native engine is not built here: npm run native'

describe('golden models on the native engine', { skip }, () => {
  for (const isa of sets)
    for (const precision of ['f32', 'bf16'] as const)
      it(`${isa.name}, ${precision}`, async () => {
        const backend = await selectBackend('native', { root, isa: isa.name, precision })
        assert.equal(backend.precision, precision)
        const reports = [...checkFolder(folder, precision, (name) => name.startsWith('model-'))]
        assert.deepEqual(
          reports.filter((report) => report.outcome === 'missed').map((report) => `${report.name}: ${report.line}`),
          [],
        )
        const passed = reports.filter((report) => report.outcome === 'passed').map((report) => report.name)
        for (const name of ['model-att', 'model-att-b', 'model-mlp', 'model-mlp-b', 'model-hrm', 'model-hrm-b'])
          assert.ok(passed.includes(`${name}.json`), `${name}.json was not checked`)
      })
})
