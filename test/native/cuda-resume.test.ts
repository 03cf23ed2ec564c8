// What a checkpoint holds, made by a replica on the kernels for GPUs (played on the host) and taken up by one on the CPU, and the
// other way round: the run goes on as if nothing had changed, but for rounding.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { selectBackend } from '../../worker/backends/choose.js'
import type { CarryState } from '../../worker/train/carry.js'
import type { StepResult } from '../../worker/train/replica.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'
import { relativeError } from '../helpers/network-pass.js'
import { MODEL, Run } from '../helpers/replica.js'

const root = process.cwd()
const model: ModelConfig = { ...MODEL, hidden: 32, puzzleEmbDim: 32 }
const SLOTS = [0, 1, 2]
const DENSE = ['params', 'ema', 'm', 'v'] as const

const engines = {
  gpu: async () => selectBackend('native', { root, precision: 'f32', ...(await cudaUnderTest(root)) }),
  cpu: async () => selectBackend('native', { root, precision: 'f32' }),
}

interface Boundary {
  readonly dense: Readonly<Record<(typeof DENSE)[number], Float32Array>>
  readonly carries: readonly CarryState[]
}

const boundaryOf = ({ arena, replica }: Run): Boundary => ({
  // As a snapshot takes them.
  dense: { params: arena.params.slice(), ema: replica.current('ema').slice(), m: replica.current('m').slice(), v: replica.current('v').slice() }, // prettier-ignore
  carries: replica.carries(),
})

function resumed({ dense, carries }: Boundary): Run {
  const run = new Run(SLOTS, model)
  for (const name of DENSE) run.arena[name].set(dense[name])
  run.replica.reload()
  run.replica.setSlots(carries.map((carry) => ({ slot: carry.slot, carry })))
  return run
}

const countsOf = (results: readonly StepResult[]): unknown =>
  results.map(({ halted, steps, sums: { count } }) => ({ halted, steps, count }))

describe('a run changes its engine', { skip: noCompiler }, () => {
  for (const [from, to] of [
    ['gpu', 'cpu'],
    ['cpu', 'gpu'],
  ] as const)
    it(`begun on the ${from}, resumed on the ${to}`, async () => {
      await engines[from]()
      const first = new Run(SLOTS, model)
      first.train(1, 3)
      const boundary = boundaryOf(first)
      const whole = first.train(4, 7)
      const end = boundaryOf(first)
      first.replica.dispose()

      await engines[to]()
      const second = resumed(boundary)
      assert.deepEqual(boundaryOf(second), boundary)
      const parts = second.train(4, 7)
      assert.deepEqual(countsOf(parts), countsOf(whole))
      parts.forEach(({ sums }, i) =>
        assert.ok(Math.abs(sums.lossTotal / (whole[i]?.sums.lossTotal ?? NaN) - 1) < 1e-4, `step ${4 + i}`),
      )
      const there = boundaryOf(second)
      for (const name of DENSE) {
        assert.ok(relativeError(there.dense[name], boundary.dense[name]) > 1e-3, `${name} moved`)
        assert.ok(relativeError(there.dense[name], end.dense[name]) < 1e-4, name)
      }
      second.replica.dispose()
    })
})
