// Fetching a wheel from an index on this machine, without pip: the right file of many, its checksum, and clear refusals.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { cudaRequirements } from '../../deploy/setup/cuda.js'
import { installTensorflow } from '../../deploy/setup/tensorflow.js'
import { fetchWheel, satisfies } from '../../deploy/setup/wheel.js'
import { SystemRefused } from '../../shared/errors.js'
import { zipArchive } from './zip-archive.js'

const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
const wheel = zipArchive([{ name: 'tensorflow/README', data: Buffer.from('no library in here') }])
const sha256 = createHash('sha256').update(wheel).digest('hex')
let base = ''
const file = (filename: string, digest = sha256): object => ({
  filename,
  url: `${base}/files/${filename}`,
  digests: { sha256: digest },
})
const server = createServer((request, response) => {
  const linux = `cp312-cp312-manylinux_2_27_${machine}.whl`
  const answers: Record<string, () => object> = {
    '/pypi/tensorflow-cpu/2.21.0/json': () => ({
      urls: [
        file('tensorflow_cpu-2.21.0-cp312-cp312-win_amd64.whl'),
        file('tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_riscv64.whl'),
        file(`tensorflow_cpu-2.21.0-${linux}`),
      ],
    }),
    '/pypi/bad/1.0/json': () => ({ urls: [file(`bad-1.0-${linux}`, 'f'.repeat(64))] }),
    '/pypi/none/1.0/json': () => ({ urls: [file('none-1.0.tar.gz')] }),
    '/pypi/nvidia-x/json': () => ({
      releases: Object.fromEntries(
        ['9.9', '12.5.1', '12.10.0', '12.9.3', '13.0', '12.99rc1'].map((version) => [
          version,
          [file(`x-${version}-${linux}`)],
        ]),
      ),
    }),
  }
  const answer = answers[request.url ?? '']
  if (answer !== undefined) response.end(JSON.stringify(answer()))
  else if (request.url?.startsWith('/files/')) response.end(wheel)
  else response.writeHead(404).end()
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const root = mkdtempSync(join(tmpdir(), 'trmesh-wheel-'))
after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(root, { recursive: true })
})

const options = (): { folder: string; indexBase: string; usePip: false; log: () => void } => ({
  folder: mkdtempSync(join(root, 'w-')),
  indexBase: base,
  usePip: false,
  log: () => undefined,
})

test('takes the wheel for this machine, whole', async () => {
  const path = await fetchWheel('tensorflow-cpu', '==2.21.0', options())
  assert.equal(basename(path), `tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_${machine}.whl`)
  assert.deepEqual(readFileSync(path), wheel)
})

test('takes the newest version within bounds, by number and not by letter', async () => {
  assert.match(await fetchWheel('nvidia-x', '<13.0,>=12.5.1', options()), /x-12\.10\.0-/)
})

test('a wrong checksum, a package without a wheel for this machine, and an unknown package are refused', async () => {
  const [bad, none, absent] = [options(), options(), options()]
  await assert.rejects(fetchWheel('bad', '==1.0', bad), new RegExp(`has SHA-256 ${sha256}, expected ffff`))
  assert.deepEqual(readdirSync(bad.folder), [])
  await assert.rejects(fetchWheel('none', '==1.0', none), /lists no wheel for/)
  await assert.rejects(fetchWheel('absent', '==1.0', absent), /the server answered 404/)
})

// Where g++ is missing the installer would first try to install it: not in a test.
const skip = spawnSync('g++', ['--version']).status === 0 ? false : 'no g++ here'

test('TensorFlow that cannot be had is refused with the way around, and leaves nothing behind', { skip }, async () => {
  const log = (): void => undefined
  const linux = process.platform === 'linux'
  const attempt = installTensorflow('cpu', { root, log, usePip: false, indexBase: 'http://127.0.0.1:1' })
  await assert.rejects(attempt, (error: unknown) => {
    assert.ok(error instanceof SystemRefused)
    if (linux) assert.match(error.remedy, /pip download --no-deps tensorflow.* `deploy\/tensorflow\.sh cpu FILE\.whl/)
    return true
  })
  if (!linux) return
  // The wheel of this test has the right checksum and no library.
  const hollow = installTensorflow('cpu', { root, log, usePip: false, indexBase: base })
  if (process.arch === 'x64') await assert.rejects(hollow, /holds no tensorflow\/libtensorflow_cc\.so\.2/)
  else await assert.rejects(hollow, SystemRefused)
  await assert.rejects(
    installTensorflow('cpu', { root, log, wheel: '/tmp/other.whl' }),
    /not named like a TensorFlow wheel/,
  )
  assert.deepEqual(readdirSync(join(root, '.trmesh', 'tensorflow')), [])
})

test('version bounds', () => {
  assert.equal(satisfies('12.5.3.2', '<13.0,>=12.5.3.2'), true)
  assert.equal(satisfies('12.5.3.1', '<13.0,>=12.5.3.2'), false)
  assert.equal(satisfies('13.0', '<13.0,>=12.5.3.2'), false)
  assert.equal(satisfies('9.3.0.75', '<10.0,>=9.3.0.75'), true)
  assert.equal(satisfies('1.0', '~=1.0'), false)
})

test('the CUDA libraries a TensorFlow wheel names', () => {
  const lines = [
    'numpy>=1.26.0',
    'nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
    "nvidia-nccl-cu12 (<3.0,>=2.27.7) ; extra == 'and-cuda'",
    'tensorflow-io-gcs-filesystem>=0.23.1; (sys_platform != "win32") and extra == "gcs-filesystem"',
  ]
  assert.deepEqual(cudaRequirements(lines), [
    { name: 'nvidia-cublas-cu12', versions: '<13.0,>=12.5.3.2' },
    { name: 'nvidia-nccl-cu12', versions: '<3.0,>=2.27.7' },
  ])
})
