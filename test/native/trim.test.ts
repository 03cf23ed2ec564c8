// Sequence trimming on the native engine and on TensorFlow: samples of several lengths, each turned at places of its own,
// against the whole canvas with the other cells masked (test/unit/trim.test.ts does the same on wasm).
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { selectBackend } from '../../worker/backends/choose.js'
import { nativeBackend } from '../../worker/backends/native/backend.js'
import { findTensorflow } from '../../worker/backends/tensorflow.js'
import { setsBuilt } from '../helpers/native.js'
import { maskedSteps, offBy, stepsOf, TRIMMED, type TrimmedStep } from '../helpers/trimmed.js'

const root = process.cwd()
const skipNative = setsBuilt(root).length > 0 ? false : 'the native engine is not built here: npm run native'
const skipTensorflow = findTensorflow(root).length > 0 ? false : 'TensorFlow is not installed here: deploy/tensorflow.sh cpu' // prettier-ignore
const STEPS = 3

it('bounds the memory that the native engine keeps where sizes come and go', { skip: skipNative }, async () => {
  await selectBackend('native', { root, precision: 'f32', threads: 1 })
  const backend = nativeBackend()
  const size = 1 << 15
  for (let i = 0; i < 200; i++) {
    const taken = [1, 2, 3].map((times) => backend.take([times * size + i]))
    assert.equal(backend.elements.used, 6 * size + 3 * i)
    for (const { info } of taken) backend.disposeData(info.dataId)
    assert.equal(backend.elements.used, 0)
    assert.ok(backend.elements.kept <= 1.5 * backend.elements.most)
  }
  // One size alone is used again.
  const again = [0, 1].map(() => {
    const { info, values } = backend.take([size])
    backend.disposeData(info.dataId)
    return values
  })
  assert.equal(again[0], again[1])
})

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
