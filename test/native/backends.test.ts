// Each backend that is here computes and differentiates; each that is not says how to get it. TensorFlow is looked for where
// `deploy/tensorflow.sh` puts it; its tests skip where it is not installed.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailable } from '../../shared/errors.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { configProto } from '../../worker/backends/tensorflow-config.js'
import { findTensorflow, openTensorflow } from '../../worker/backends/tensorflow.js'

const root = process.cwd()
const installed = findTensorflow(root).length > 0
const skip = installed ? false : 'TensorFlow is not installed here: deploy/tensorflow.sh cpu'

/** d/dx sum((x x)^2), checked by hand for x = [[1, 2], [3, 4]]. */
function gradientOfSquare(): number[] {
  const gradient = tf.grad((x) => tf.sum(tf.square(tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D))))
  return [...gradient(tf.tensor2d([1, 2, 3, 4], [2, 2])).dataSync()]
}

function emptyRoot(): string {
  return mkdtempSync(join(tmpdir(), 'trmesh-backends-'))
}

// Before the tests that start TensorFlow: a thread that has started one library tries no other.
test('an installation without its manifest, or with a broken library, is not taken for a good one', async () => {
  const broken = emptyRoot()
  const folder = join(broken, '.trmesh', 'tensorflow', 'cpu-9.9.9')
  mkdirSync(folder, { recursive: true })
  assert.deepEqual(findTensorflow(broken), [])
  writeFileSync(join(folder, 'install.json'), '{}')
  writeFileSync(join(folder, 'trmesh_tensorflow.node'), 'not a library')
  assert.equal(findTensorflow(broken)[0]?.version, '9.9.9')
  await assert.rejects(selectBackend('tensorflow', { root: broken }), /TensorFlow 9\.9\.9 \(cpu\) does not start/)
  await assert.rejects(selectBackend('tensorflow', { root: broken, gpu: 0 }), /GPU 0 was asked for.*is the CPU one/)
  const backend = await selectBackend('auto', { root: broken })
  assert.equal(backend.name, 'wasm')
  assert.match(backend.why, /does not start/)
  rmSync(broken, { recursive: true })
})

test('wasm computes and differentiates', async () => {
  const backend = await selectBackend('wasm', { root })
  assert.equal(backend.name, 'wasm')
  assert.equal(tf.getBackend(), 'wasm')
  assert.match(backend.detail, /SIMD, 1 thread/)
  assert.deepEqual(gradientOfSquare(), [158, 274, 266, 482])
})

test('tensorflow computes and differentiates on the tfjs-core this code imports', { skip }, async () => {
  const backend = await selectBackend('tensorflow', { root, threads: 1 })
  assert.equal(tf.getBackend(), 'tensorflow')
  assert.match(backend.detail, /^TensorFlow \d+\.\d+/)
  assert.deepEqual(gradientOfSquare(), [158, 274, 266, 482])
})

test('a second TensorFlow context with other options in one thread is refused', { skip }, async () => {
  await selectBackend('tensorflow', { root, threads: 1 })
  const install = findTensorflow(root)[0]
  assert.ok(install)
  await assert.rejects(openTensorflow(install, { threads: 2 }), /already runs TensorFlow/)
})

test('asking for a backend that is not there is refused with the command that gets it', async () => {
  const empty = emptyRoot()
  const refusal = (remedy: RegExp) => (error: unknown) =>
    error instanceof BackendUnavailable && remedy.test(error.remedy)
  await assert.rejects(selectBackend('tensorflow', { root: empty }), refusal(/deploy\/tensorflow\.sh (cpu|gpu)/))
  await assert.rejects(selectBackend('native', { root: empty }), refusal(/npm run native/))
  await assert.rejects(selectBackend('wasm', { root: empty, gpu: 0 }), refusal(/tensorflow\.sh gpu/))
  await assert.rejects(selectBackend('tensorflow', { root: empty, gpu: 0 }), refusal(/tensorflow\.sh gpu/))
  await assert.rejects(selectBackend('auto', { root: empty, gpu: 0 }), refusal(/tensorflow\.sh gpu/))
  rmSync(empty, { recursive: true })
})

test('auto takes wasm where TensorFlow is missing, and says why and how to get it', async () => {
  const empty = emptyRoot()
  const backend = await selectBackend('auto', { root: empty })
  assert.equal(backend.name, 'wasm')
  assert.match(backend.why, /native engine is not built here.*npm run native.*TensorFlow is not installed here.*deploy\/tensorflow\.sh/) // prettier-ignore
  rmSync(empty, { recursive: true })
})

test('the context options are the bytes of a ConfigProto', () => {
  // Field numbers of tensorflow/core/protobuf/config.proto: 1 device_count, 2 and 5 threads, 6 gpu_options (4 growth, 5 visible).
  assert.deepEqual([...configProto({ gpu: 'none' })], [10, 7, 10, 3, 71, 80, 85, 16, 0])
  assert.deepEqual([...configProto({ threads: 300, gpu: 'none' })].slice(9), [16, 172, 2, 40, 172, 2])
  assert.deepEqual([...configProto({ gpu: 3 })], [50, 5, 32, 1, 42, 1, 51])
})
