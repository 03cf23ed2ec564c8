// Which instruction set runs, from what a processor says of itself; and what is said where it cannot be had.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BackendUnavailable, ConfigError } from '../../shared/errors.js'
import { flagsOf, ISAS, setsOf } from '../../worker/backends/native/isa.js'
import { findLibrary, setsHere, sourceFingerprint } from '../../worker/backends/native/library.js'

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
