// Which instruction set runs, from what a processor says of itself; and what is said where it cannot be had.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { buildNative, ensureNative } from '../../deploy/setup/native-build.js'
import { BackendUnavailable, ConfigError, SystemRefused } from '../../shared/errors.js'
import { flagsOf, ISAS, setsOf } from '../../worker/backends/native/isa.js'
import { findLibrary, kernelFolder, nativeFolder, setsHere, sourceFingerprint } from '../../worker/backends/native/library.js' // prettier-ignore

const names = (flags: string): string[] =>
  setsOf(flagsOf(`processor\t: 0\nflags\t\t: ${flags}\n`)).map((isa) => isa.name)

describe('setsOf', () => {
  it('takes the best set whose every flag is there, down to any processor', () => {
    const avx512 = 'fpu fma avx2 avx512f avx512bw avx512vl avx512dq'
    assert.deepEqual(names('fpu sse2'), ['portable'])
    assert.deepEqual(names('fpu avx2'), ['portable'], 'AVX2 without FMA is not enough')
    assert.deepEqual(names('fpu avx2 fma'), ['avx2', 'portable'])
    assert.deepEqual(names(avx512), ['avx512', 'avx2', 'portable'])
    assert.deepEqual(names(`${avx512} avx512_bf16`), ['avx512bf16', 'avx512', 'avx2', 'portable'])
    assert.equal(names(`${avx512} avx512_bf16 amx_tile amx_bf16`)[0], 'amx')
    assert.equal(names(`${avx512} avx512_bf16 amx_tile`)[0], 'avx512bf16', 'tiles without bf16 are not enough')
  })

  it('never chooses what only plays another processor', () => {
    for (const isa of ISAS.filter((each) => each.emulated === true))
      assert.ok(!names('fma avx2 avx512f avx512bw avx512vl avx512dq avx512_bf16 amx_tile amx_bf16').includes(isa.name))
  })

  it('is portable where there is no /proc/cpuinfo', () => {
    assert.deepEqual(
      setsOf(flagsOf('')).map((isa) => isa.name),
      ['portable'],
    )
  })
})

describe('findLibrary', () => {
  const root = process.cwd()

  it('refuses a set that is none, one that this processor lacks, and one that is not built', () => {
    assert.throws(() => findLibrary(root, 'avx1024'), (error: unknown) => error instanceof ConfigError && /TRMESH_ISA is "avx1024".*avx2/s.test(`${error.message} ${error.remedy}`)) // prettier-ignore
    const lacking = ISAS.find((isa) => isa.emulated !== true && !setsHere().includes(isa))
    if (lacking !== undefined)
      assert.throws(() => findLibrary(root, lacking.name), (error: unknown) => error instanceof BackendUnavailable && error.remedy.includes('portable')) // prettier-ignore
    const empty = mkdtempSync(join(tmpdir(), 'trmesh-native-'))
    assert.throws(() => findLibrary(empty, undefined), (error: unknown) => error instanceof BackendUnavailable && /not built here/.test(error.message) && /npm run native/.test(error.remedy)) // prettier-ignore
    rmSync(empty, { recursive: true })
  })

  it('knows a build by its sources', () => {
    assert.match(sourceFingerprint(root), /^[0-9a-f]{16}$/)
    assert.equal(sourceFingerprint(root), sourceFingerprint(root))
  })
})

describe('building the engine', () => {
  /** A project root with the real sources and nothing built. */
  const freshRoot = (): string => {
    const root = mkdtempSync(join(tmpdir(), 'trmesh-native-'))
    mkdirSync(kernelFolder(root), { recursive: true })
    cpSync(kernelFolder(process.cwd()), kernelFolder(root), { recursive: true })
    symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'))
    writeFileSync(join(root, 'package.json'), '{}')
    return root
  }
  const log: string[] = []
  const options = (root: string): { root: string; log: (line: string) => void; installCompiler: false } => ({
    root,
    log: (line) => log.push(line),
    installCompiler: false,
  })

  it('says what is missing without a compiler; only who asked for the engine must have it', async () => {
    const root = freshRoot()
    const path = process.env['PATH']
    process.env['PATH'] = join(root, 'nothing')
    try {
      await assert.rejects(buildNative(options(root)), (error: unknown) => error instanceof SystemRefused && /no C\+\+ compiler/.test(error.message) && /apt-get install g\+\+/.test(error.remedy)) // prettier-ignore
      assert.equal(await ensureNative({ ...options(root), must: false }), false)
      assert.match(log.join('\n'), /NO NATIVE ENGINE.*\n.*no C\+\+ compiler.*\n.*apt-get install g\+\+/)
      await assert.rejects(ensureNative({ ...options(root), must: true }), BackendUnavailable)
    } finally {
      process.env['PATH'] = path
      rmSync(root, { recursive: true })
    }
  })

  const compiler = spawnSync('g++', ['--version']).status === 0
  it(
    "shows the compiler's first error, and leaves nothing half made",
    { skip: compiler ? false : 'no g++' },
    async () => {
      const root = freshRoot()
      writeFileSync(join(kernelFolder(root), 'pool.cpp'), 'this is no C++\n')
      const portable = ISAS.filter((isa) => isa.name === 'portable')
      await assert.rejects(buildNative({ ...options(root), sets: portable }), (error: unknown) => error instanceof SystemRefused && /portable does not compile: .*pool\.cpp:1/.test(error.message)) // prettier-ignore
      assert.deepEqual(readdirSync(join(nativeFolder(root), sourceFingerprint(root))), [])
      rmSync(root, { recursive: true })
    },
  )
})
