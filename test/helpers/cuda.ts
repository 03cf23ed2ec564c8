// The engine for GPUs with its kernels played on the host (test/native/emulation), compiled once per state of the sources. Not a
// backend for anybody: hours for what a GPU does in a second.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { compile } from '../../deploy/setup/compiler.js'
import { nodeHeaders } from '../../deploy/setup/native-build.js'
import type { BackendOptions } from '../../worker/backends/choose.js'
import { cudaKernelFolder, cudaLibraryPath, type CudaLibrary } from '../../worker/backends/native/cuda/library.js'
import { kernelFolder, nativeFolder } from '../../worker/backends/native/library.js'

const SOURCES = ['engine.cu', 'addon.cu']
const PLAYED = ['emulation.cpp', 'runtime.cpp']
const FLAGS = ['-x', 'c++', '-std=c++17', '-O2', '-fPIC', '-fvisibility=hidden', '-fno-strict-aliasing', '-DNAPI_VERSION=8', '-DTRMESH_EMULATED', '-Wall', '-Wextra', '-Wno-unknown-pragmas'] // prettier-ignore

export const hasCompiler = spawnSync('g++', ['--version']).status === 0
export const noCompiler = hasCompiler || process.env['TRMESH_TEST_GPU'] !== undefined ? false : 'no g++ here'

const emulationFolder = (root: string): string => join(root, 'test', 'native', 'emulation')

function fingerprint(root: string, flags: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([FLAGS, flags, process.arch]))
  const folders = [cudaKernelFolder(root), emulationFolder(root)]
  const files = folders.flatMap((folder) => readdirSync(folder).sort().map((name) => join(folder, name))) // prettier-ignore
  for (const file of [...files, join(kernelFolder(root), 'arguments.h')]) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

/** What the tests of its kernels run on: a GPU where TRMESH_TEST_GPU has its number, else the host. */
export async function cudaUnderTest(root: string): Promise<Pick<BackendOptions, 'gpu' | 'cuda'>> {
  const gpu = process.env['TRMESH_TEST_GPU']
  return gpu === undefined ? { gpu: 0, cuda: await emulatedCuda(root) } : { gpu: Number(gpu) }
}

/** More of them, such as `-fsanitize=address,undefined`. */
const given = (process.env['TRMESH_EMULATION_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')
/** Loads and stores of the kernels are told to races.cpp. */
const RACES = ['-fsanitize=thread']

/** Compiles it, or takes what is there. @param races throw where two threads of a block touch one word without meeting */
export async function emulatedCuda(root: string, races = false): Promise<CudaLibrary> {
  const flags = races ? [...given, 'races'] : given
  const folder = join(nativeFolder(root), '.emulated')
  const path = join(folder, `${fingerprint(root, flags)}.node`)
  if (existsSync(path)) return { path, products: '' }
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'new-'))
  try {
    const include = [emulationFolder(root), cudaKernelFolder(root), nodeHeaders(root)].map((one) => `-I${one}`)
    const sources = [
      ...SOURCES.map((name) => ({ path: join(cudaKernelFolder(root), name), more: races ? RACES : [] })),
      ...[...PLAYED, ...(races ? ['races.cpp'] : [])].map((name) => ({
        path: join(emulationFolder(root), name),
        more: [],
      })),
    ]
    const objects = await Promise.all(
      sources.map(async ({ path: source, more }, i) => {
        const object = join(work, `${i}.o`)
        await compile('g++', [...FLAGS, ...given, ...more, ...include, '-c', source, '-o', object], 'the emulated engine', 'see above') // prettier-ignore
        return object
      }),
    )
    const library = join(work, 'library')
    await compile('g++', ['-shared', ...given, ...objects, '-Wl,-Bsymbolic', '-o', library], 'the emulated engine', 'see above') // prettier-ignore
    renameSync(library, path)
    return { path, products: '' }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Makes `folder` a root in which the engine for GPUs is built, as far as its finder can tell: what it is, is the emulation. */
export async function rootWithEmulatedGpu(root: string, folder: string): Promise<void> {
  const { path } = await emulatedCuda(root)
  symlinkSync(join(root, 'worker'), join(folder, 'worker'))
  const library = cudaLibraryPath(folder)
  mkdirSync(dirname(library), { recursive: true })
  copyFileSync(path, library)
}

/** The program of emulation/racy.cpp. */
export async function buildRacy(root: string, program: string): Promise<void> {
  const include = [emulationFolder(root), cudaKernelFolder(root)].map((one) => `-I${one}`)
  const work = mkdtempSync(`${program}-`)
  const objects = await Promise.all(
    ['racy.cpp', 'emulation.cpp', 'races.cpp'].map(async (name) => {
      const object = join(work, `${name}.o`)
      const more = name === 'racy.cpp' ? RACES : []
      await compile('g++', [...FLAGS, ...more, ...include, '-c', join(emulationFolder(root), name), '-o', object], name, 'see above') // prettier-ignore
      return object
    }),
  )
  await compile('g++', [...objects, '-o', program], 'racy.cpp', 'see above')
}
