// What a GPU is asked the first time: its steps fit into the time there is, name programs that exist, and the packages of the archive
// are all that our code imports.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { packagesOf } from '../gpu/pack.js'
import { gpuSteps } from '../gpu/steps.js'

const root = process.cwd()
const steps = gpuSteps({ root, node: process.execPath, gpu: '0', golden: '/golden', small: '/small' })

test('the steps have names of their own, and programs that the build makes', () => {
  assert.equal(new Set(steps.map(({ name }) => name)).size, steps.length)
  for (const { args } of steps)
    for (const path of args.filter((one) => one.endsWith('.js'))) {
      assert.ok(existsSync(path), path)
      assert.ok(existsSync(join(root, relative(join(root, '.build'), path)).replace(/\.js$/, '.ts')), path)
    }
})

test('no step outlasts a command of ten minutes, not even twice, and all that must be right comes first', () => {
  for (const { name, limitS } of steps) assert.ok(limitS <= 540, name)
  const at = (name: string): number => steps.findIndex((step) => step.name === name)
  for (const name of ['parity-f32', 'parity-bf16', 'ops']) assert.ok(at(name) >= 0 && at(name) < at('arc-192'), name)
})

test('packages come with what they depend on', () => {
  const found = packagesOf(root, ['nats', 'msgpackr', 'no-such-package'])
  assert.deepEqual(
    ['nats', 'msgpackr', 'nkeys.js'].filter((name) => !found.includes(name)),
    [],
  )
  assert.ok(!found.includes('no-such-package'))
})

test('goes on after a step that fails or is left out, and writes down what happened', () => {
  const out = mkdtempSync(join(tmpdir(), 'trmesh-gpu-check-'))
  try {
    const main = join(root, '.build', 'test', 'gpu', 'main.js')
    const args = [main, out, '--out', out, '--only', 'card,memcheck-bf16', '--gpu', '0', '--minutes', '1']
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      env: { ...process.env, PATH: out },
    })
    assert.equal(status, 1, stdout)
    const { outcomes } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
      outcomes: { name: string; outcome: string; why: string }[]
    }
    assert.deepEqual(
      outcomes.map(({ name, outcome }) => [name, outcome]),
      [['card', 'failed'], ['memcheck-bf16', 'left out']], // prettier-ignore
    )
    assert.match(outcomes[1]?.why ?? '', /not on the PATH/)
    assert.match(readFileSync(join(out, 'report.txt'), 'utf8'), /failed\s+card/)
    const unknown = spawnSync(process.execPath, [main, out, '--only', 'nothing'], { encoding: 'utf8' })
    assert.match(unknown.stderr, /there is no step nothing/)
    assert.equal(unknown.status, 1)
  } finally {
    rmSync(out, { recursive: true })
  }
})
