// The doctor: what it reads from a machine, what it calls trainable, and a real look at this one.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { diagnose } from '../../deploy/doctor/diagnose.js'
import { cudaFindingOf } from '../../deploy/doctor/cuda.js'
import { canTrain, findingLines, printFindings, type Finding } from '../../deploy/doctor/finding.js'
import { gpuFindings, parseGpus, vectorUnits } from '../../deploy/doctor/machine.js'
import { probeBackend } from '../../deploy/doctor/probe.js'
import { ensureForStart, type Ensured } from '../../deploy/setup/ensure.js'
import { BackendUnavailable } from '../../shared/errors.js'
import { findNatsServer } from '../../deploy/setup/nats-server.js'
import { findTensorflow } from '../../worker/backends/tensorflow.js'

const root = process.cwd()

test('reads the vector units of a processor', () => {
  assert.deepEqual(vectorUnits('processor : 0\nflags\t\t: fpu avx2 avx512f amx_bf16 avx512_bf16\n'), [
    'AMX bf16',
    'AVX-512 bf16',
    'AVX-512',
    'AVX2',
  ])
  assert.deepEqual(vectorUnits('Features\t: fp asimd\n'), ['NEON'])
  assert.deepEqual(vectorUnits(''), [])
})

test('reads the rows of nvidia-smi, and remarks on an old driver', () => {
  const gpus = parseGpus(
    '0, NVIDIA H200, 143771, 570.86.10\n1, NVIDIA H200, 143771, 470.57\nFailed to initialize NVML\n',
  )
  assert.equal(gpus.length, 2)
  const [current, old] = gpuFindings(gpus)
  assert.deepEqual(current, { topic: 'gpu 0', state: 'ok', text: 'NVIDIA H200, 140 GiB, driver 570.86.10' })
  assert.equal(old?.state, 'note')
  assert.match(old.remedy ?? '', /CUDA 12 needs driver/)
  assert.equal(gpuFindings([])[0]?.state, 'note')
})

test('says of the engine for GPUs what is missing, and the one command that gets it', () => {
  const facts = { gpus: 1, nvcc: '13.0', builtFor: '8.0, 9.0', products: '/lib/libcublasLt.so.13' }
  const all = cudaFindingOf(facts)
  assert.equal(all.state, 'ok')
  assert.match(all.text, /built for 8.0, 9.0, nvcc 13.0, cuBLASLt \/lib\/libcublasLt.so.13/)
  assert.equal(cudaFindingOf({ ...facts, builtFor: undefined }).remedy, 'run `npm run native -- --cuda`')
  assert.match(
    cudaFindingOf({ ...facts, builtFor: undefined, nvcc: undefined }).remedy ?? '',
    /install the CUDA toolkit/,
  )
  assert.match(cudaFindingOf({ ...facts, products: undefined }).remedy ?? '', /native -- --cuda/)
  const without = cudaFindingOf({ gpus: 0, nvcc: undefined, builtFor: undefined, products: undefined })
  assert.deepEqual([without.state, without.remedy], ['note', undefined])
})

test('a machine can train unless something needed is missing', () => {
  const missing: Finding = {
    topic: 'nats-server',
    state: 'missing',
    text: 'not found',
    remedy: 'install it',
    needed: true,
  }
  const optional: Finding = { ...missing, topic: 'g++', needed: false }
  assert.equal(canTrain([optional]), true)
  assert.equal(canTrain([optional, missing]), false)
  assert.deepEqual(findingLines([missing]), ['missing nats-server  not found', '                     -> install it'])
  const printed: string[] = []
  printFindings([missing], (line) => printed.push(line), true)
  assert.deepEqual(JSON.parse(printed.join('\n')), { canTrain: false, findings: [missing] })
})

test('a look at this machine measures what is there and gives a remedy for what is not', async () => {
  const findings = await diagnose(root, 'nats://127.0.0.1:1')
  const about = (topic: string): Finding | undefined => findings.find((finding) => finding.topic === topic)
  assert.equal(about('node')?.state, 'ok')
  assert.match(about('backend wasm')?.text ?? '', /\d GFLOP\/s/)
  assert.equal(about('backend tensorflow, CPU')?.state, findTensorflow(root).length > 0 ? 'ok' : 'missing')
  assert.match(about('bus')?.text ?? '', /nothing usable/)
  for (const finding of findings)
    if (finding.state === 'missing') assert.ok(finding.remedy, `${finding.topic} has no remedy`)
})

test('a probe of what is not there says how to get it, and does not throw', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'trmesh-doctor-'))
  const result = await probeBackend('tensorflow', { root: empty })
  assert.ok(!result.ok)
  assert.match(result.remedy, /deploy\/tensorflow\.sh/)
  rmSync(empty, { recursive: true })
})

// Where g++ is missing the installer would first try to install it: not in a test.
const compiler = spawnSync('g++', ['--version']).status === 0
const server = await findNatsServer(root)

const noServer = server === undefined ? 'no nats-server here' : false

test('a start without TensorFlow says so and goes on, unless it must be there', { skip: noServer }, async () => {
  const empty = mkdtempSync(join(tmpdir(), 'trmesh-ensure-'))
  cpSync('package.json', join(empty, 'package.json'))
  cpSync('deploy/setup', join(empty, 'deploy', 'setup'), { recursive: true })
  symlinkSync(resolve('node_modules'), join(empty, 'node_modules'))
  const lines: string[] = []
  const wheel = join(empty, 'tensorflow_cpu-2.21.0-cp311-none-any.whl')
  writeFileSync(wheel, 'no archive')
  const start = (tensorflow: 'leave' | 'try' | 'must'): Promise<Ensured> =>
    ensureForStart({ root: empty, log: (line) => lines.push(line), engines: { native: 'leave', tensorflow }, wheel })
  const left = await start('leave')
  assert.equal(left.tensorflow, undefined)
  assert.ok(left.nats.version)
  if (compiler) {
    assert.equal((await start('try')).tensorflow, undefined)
    assert.match(lines.join('\n'), /NO TENSORFLOW: training on wasm.*\n.*is damaged: it is no zip archive/)
    await assert.rejects(start('must'), BackendUnavailable)
  }
  rmSync(empty, { recursive: true })
})
