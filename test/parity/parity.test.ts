// Every golden file of the shared folder that has a checker passes, on the backend that is always there.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
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
      'model-hrm',
      'model-hrm-b',
      'arc-data',
      'evaluation',
    ])
      assert.ok(passed.includes(`${name}.json`), `${name}.json was not checked`)
  })

  it('are missed when one number of the file is changed', () => {
    const changed = mkdtempSync(join(tmpdir(), 'parity-'))
    try {
      const alter = (name: string, from: RegExp, to: string): void => {
        const text = readFileSync(join(folder, name), 'utf8')
        const altered = text.replace(from, to)
        assert.notEqual(altered, text, `${name} has nothing like ${String(from)}`)
        writeFileSync(join(changed, name), altered)
      }
      alter('model-mlp-b.json', /"total_loss": ?\d/, '"total_loss": 9')
      alter('model-hrm-b.json', /"q_continue_loss": ?\d/, '"q_continue_loss": 9')
      alter('act.json', /"halted": ?\[\s*0/, '"halted": [1')
      alter('loss.json', /"grad_q_halt": ?\[\s*-?0\./, '"grad_q_halt": [0.9')
      alter('optim.json', /"min_ratio": ?0\.1/, '"min_ratio": 0.11')
      assert.deepEqual(
        [...checkFolder(changed)].map((report) => `${report.name} ${report.outcome}`),
        [
          'act.json missed',
          'loss.json missed',
          'model-hrm-b.json missed',
          'model-mlp-b.json missed',
          'optim.json missed',
        ],
      )
    } finally {
      rmSync(changed, { recursive: true })
    }
  })
})
