// Races in the shared memory of the CUDA kernels, played on the host: every load and store is told to the emulation, which knows
// since which barrier or warp collective two threads have not met. First that it notices them, then that the kernels have none.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { selectBackend } from '../../worker/backends/choose.js'
import { embedding } from '../../worker/ops/embedding.js'
import { ownKernel } from '../../worker/ops/registry.js'
import { buildRacy, emulatedCuda, hasCompiler } from '../helpers/cuda.js'
import { inputsOf, type Problem } from '../helpers/native.js'
import { compute } from '../helpers/network-pass.js'
import { computeStack, STACKS } from '../helpers/stacks.js'

const root = process.cwd()
const base = { layers: 1, rope: true, inner: 16, mixerInner: 16 } as const
const PROBLEMS: readonly Problem[] = [
  { ...base, batch: 1, positions: 70, hidden: 16, heads: 1, mixer: 'attention' },
  { ...base, batch: 1, positions: 35, hidden: 64, heads: 1, mixer: 'attention' },
  { ...base, batch: 1, positions: 70, hidden: 24, heads: 1, mixer: 'attention' },
  { ...base, batch: 2, positions: 9, hidden: 40, heads: 1, mixer: 'mlp', rope: false },
  { ...base, batch: 2, positions: 9, hidden: 40, heads: 1, mixer: 'mlp', rope: false, normed: true },
]

describe('races in the CUDA kernels, played on the host', { skip: hasCompiler ? false : 'no g++ here' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-races-'))
  before(() => buildRacy(root, join(folder, 'racy')))
  after(() => rmSync(folder, { recursive: true }))

  it('are noticed: a barrier left out, lanes that do not meet, a copy that nobody waits for', () => {
    const says = (fault: string): string => {
      const { status, stdout } = spawnSync(join(folder, 'racy'), [fault], { encoding: 'utf8' })
      return `${status} ${stdout.trim()}`
    }
    assert.equal(says('right'), '0 ')
    assert.match(says('barrier'), /^1 threads \d+ and \d+ of a block race for word \d+/)
    assert.match(says('warp'), /^1 threads \d+ and \d+ of a block race for word \d+/)
    assert.equal(says('copy'), '1 wrong values')
  })

  it('are not in passes, scans, losses and sums by token', async () => {
    const cuda = await emulatedCuda(root, true)
    for (const precision of ['f32', 'bf16'] as const) {
      await selectBackend('native', { root, gpu: 0, precision, cuda })
      for (const problem of PROBLEMS) assert.ok(compute(problem, inputsOf(problem)).y.every(Number.isFinite))
    }
    await selectBackend('native', { root, gpu: 0, precision: 'bf16', cuda })
    for (const [name, model] of STACKS)
      if (['hybrid, both directions', 'ConvSwiGLU'].includes(name))
        assert.ok(computeStack(model).dh.every(Number.isFinite))
    const tokens = Uint8Array.from({ length: 20 }, (_, i) => i % 5)
    embedding()
      .gradTable(tokens, 5, tf.ones<tf.Rank.R2>([20, 70]))
      .dispose()
    const [rows, positions, first, vocab] = [2, 9, 1, 4]
    const input = { rows, positions, first, vocab, labels: new Uint8Array(rows * (positions - first)).fill(1), ignored: 0, weight: 1, bias: [0, 0], targets: null } as const // prettier-ignore
    const { facts } = ownKernel('headLoss')!(tf.ones([rows * positions, vocab + 2]), input)
    assert.equal(facts[1], positions - first)
  })
})
