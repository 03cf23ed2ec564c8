// Sequence trimming on the native engine and on TensorFlow: samples of several lengths, each turned at places of its own,
// against the whole canvas with the other cells masked (test/unit/trim.test.ts does the same on wasm).
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { selectBackend } from '../../worker/backends/choose.js'
import { findTensorflow } from '../../worker/backends/tensorflow.js'
import { setsBuilt } from '../helpers/native.js'
import { maskedSteps, offBy, stepsOf, TRIMMED, type TrimmedStep } from '../helpers/trimmed.js'

const root = process.cwd()
const skipNative = setsBuilt(root).length > 0 ? false : 'the native engine is not built here: npm run native'
const skipTensorflow = findTensorflow(root).length > 0 ? false : 'TensorFlow is not installed here: deploy/tensorflow.sh cpu' // prettier-ignore
const STEPS = 3

describe('a trimmed replica is a masked one', () => {
  let expected: readonly TrimmedStep[] = []
  before(async () => {
    expected = await maskedSteps(STEPS)
  })
  const agree = (): void => {
    const actual = stepsOf(TRIMMED, STEPS)
    expected.forEach((theirs, i) => {
      assert.deepEqual(actual[i]!.halted, theirs.halted)
      for (const what of ['grad', 'rowGrads', 'states'] as const) {
        const error = offBy(actual[i]![what], theirs[what])
        assert.ok(error < 1e-4, `step ${i + 1}: ${what} is off by ${error}`)
      }
    })
    assert.deepEqual(stepsOf(TRIMMED, STEPS), actual)
  }

  it('on the native engine', { skip: skipNative }, async () => {
    await selectBackend('native', { root, precision: 'f32', threads: 2 })
    agree()
  })

  it('on TensorFlow', { skip: skipTensorflow }, async () => {
    await selectBackend('tensorflow', { root, threads: 1 })
    agree()
  })
})
