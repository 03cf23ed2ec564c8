// Every golden file of the shared folder that has a checker passes, on the backend that is always there.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { before, describe, it } from 'node:test'
import { selectBackend } from '../../worker/backends/choose.js'
import { checkFolder } from './run.js'

const folder = resolve(process.cwd(), '../shared/parity')

describe('golden files', { skip: existsSync(folder) ? false : `${folder} is not here` }, () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })

  it('agree with the reference', () => {
    const reports = [...checkFolder(folder)]
    assert.deepEqual(
      reports.filter((report) => report.outcome === 'missed').map((report) => `${report.name}: ${report.line}`),
      [],
    )
    const passed = reports.filter((report) => report.outcome === 'passed').map((report) => report.name)
    for (const name of [
      'act',
      'loss',
      'optim',
      'model-att',
      'model-att-b',
      'model-mlp',
      'model-mlp-b',
      'arc-data',
      'evaluation',
    ])
      assert.ok(passed.includes(`${name}.json`), `${name}.json was not checked`)
  })
})
