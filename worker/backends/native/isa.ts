// The instruction sets that the native engine is compiled for, best first: what a processor must have, what the compiler is
// told, and which numbers training uses by default. Each set is a library of its own.

export interface Isa {
  readonly name: IsaName
  /** For people. */
  readonly title: string
  /** Flags of /proc/cpuinfo that a processor must have; none: any processor. */
  readonly needs: readonly string[]
  readonly compilerFlags: readonly string[]
  /** Whether bf16 products are an instruction: then bf16 is the default, elsewhere it would only cost time. */
  readonly bf16: boolean
  /** Never chosen, only forced: for tests of kernels whose processor is elsewhere. */
  readonly emulated?: true
}

export type IsaName = 'amx' | 'avx512bf16' | 'avx512' | 'avx2' | 'portable' | 'amx-emulated'

const AVX512 = ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma', '-mprefer-vector-width=512']
const NEEDS_AVX512 = ['avx512f', 'avx512bw', 'avx512vl', 'avx512dq', 'fma']

export const ISAS: readonly Isa[] = [
  {
    name: 'amx',
    title: 'AMX with bf16 tiles',
    needs: [...NEEDS_AVX512, 'avx512_bf16', 'amx_tile', 'amx_bf16'],
    compilerFlags: [...AVX512, '-mavx512bf16', '-DTRMESH_AMX'],
    bf16: true,
  },
  {
    name: 'avx512bf16',
    title: 'AVX-512 with bf16 products',
    needs: [...NEEDS_AVX512, 'avx512_bf16'],
    compilerFlags: [...AVX512, '-mavx512bf16'],
    bf16: true,
  },
  { name: 'avx512', title: 'AVX-512', needs: NEEDS_AVX512, compilerFlags: AVX512, bf16: false },
  { name: 'avx2', title: 'AVX2 with FMA', needs: ['avx2', 'fma'], compilerFlags: ['-mavx2', '-mfma'], bf16: false },
  { name: 'portable', title: 'portable vectors', needs: [], compilerFlags: [], bf16: false },
  {
    name: 'amx-emulated',
    title: 'AMX played by plain code',
    needs: [],
    compilerFlags: ['-DTRMESH_AMX_EMULATED'],
    bf16: true,
    emulated: true,
  },
]

/** The sets that a processor with these flags has, best first. */
export const setsOf = (flags: ReadonlySet<string>): Isa[] =>
  ISAS.filter((isa) => isa.emulated !== true && isa.needs.every((flag) => flags.has(flag)))

/** From the text of /proc/cpuinfo; on other systems there is no such text and no flag. */
export function flagsOf(cpuinfo: string): Set<string> {
  const line = /^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? ''
  return new Set(line.split(/\s+/).filter((flag) => flag !== ''))
}
