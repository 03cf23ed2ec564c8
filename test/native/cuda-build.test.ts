// The sources for GPUs compile where nvcc is: for one processor, to its assembly only. Elsewhere what is missing is named. The parts
// of cuBLASLt that are used are held against its header, where that is at hand.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { buildCuda, compileCuda, findNvcc, resourcesOf } from '../../deploy/setup/native-cuda.js'
import { BackendUnavailable, SystemRefused } from '../../shared/errors.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { cudaFingerprint } from '../../worker/backends/native/cuda/library.js'
import { CUDA_SOURCES } from '../../worker/backends/native/cuda/recipe.js'

const root = process.cwd()
const nvcc = await findNvcc()
const header = '/usr/local/cuda/include/cublasLt.h'

describe('the native engine for GPUs', () => {
  for (const source of CUDA_SOURCES)
    it(`${source} compiles`, { skip: nvcc === undefined ? 'no nvcc here' : false }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'trmesh-cuda-'))
      try {
        const object = join(folder, 'out.ptx')
        await compileCuda(nvcc as string, root, source, ['-arch=compute_80', '-O1', '-ptx'], object)
        assert.match(readFileSync(object, 'utf8'), /\.target sm_80/)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

  it('says what is missing where there is no nvcc, and where nothing is built', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'trmesh-cuda-'))
    const path = process.env['PATH']
    try {
      await assert.rejects(selectBackend('native', { root: empty, gpu: 0 }), (error: unknown) => error instanceof BackendUnavailable && /not built here/.test(error.message) && /npm run native -- --cuda/.test(error.remedy)) // prettier-ignore
      if (!existsSync('/usr/local/cuda/bin/nvcc')) {
        process.env['PATH'] = empty
        const build = buildCuda({ root, log: () => undefined, targets: ['none'] })
        await assert.rejects(build, (error: unknown) => error instanceof SystemRefused && /no CUDA compiler/.test(error.message)) // prettier-ignore
      }
    } finally {
      process.env['PATH'] = path
      rmSync(empty, { recursive: true })
    }
  })

  it('reads what the assembler says of the kernels', () => {
    const said = [
      "ptxas info    : Compiling entry function '_Zfirst' for 'sm_90'",
      '    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads',
      'ptxas info    : Used 40 registers, used 0 barriers, 400 bytes cmem[0]',
      "ptxas info    : Compiling entry function '_Zsecond' for 'sm_90'",
      '    8 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads',
      'ptxas info    : Used 255 registers, used 1 barriers',
    ].join('\n')
    assert.deepEqual(resourcesOf(said), { kernels: 2, registers: 255, spills: ['8 bytes in _Zsecond for sm_90'] })
    assert.deepEqual(resourcesOf(''), { kernels: 0, registers: 0, spills: [] })
  })

  it('knows a build by its sources', () => {
    assert.match(cudaFingerprint(root), /^[0-9a-f]{16}$/)
  })

  it('uses the numbers of cuBLASLt', { skip: existsSync(header) ? false : `no ${header} here` }, () => {
    const text = readFileSync(header, 'utf8')
    for (const [name, value] of [
      ['CUBLASLT_MATMUL_DESC_TRANSA', 3],
      ['CUBLASLT_MATMUL_DESC_TRANSB', 4],
      ['CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES', 1],
      ['CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK', 3],
      ['CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE', 2],
      ['CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES', 5],
      ['CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES', 6],
      ['CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES', 7],
      ['CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES', 8],
    ] as const)
      assert.match(text, new RegExp(`${name} = ${value},`))
  })
})
