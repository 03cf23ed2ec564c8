// Compiles the native engine, one library per instruction set of this machine's processor, from worker/backends/native/kernels.
// Needs g++ or clang++; Node's headers come from node-api-headers. What is built appears whole or not at all.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { BackendUnavailable, SystemRefused } from '../../shared/errors.js'
import type { Isa } from '../../worker/backends/native/isa.js'
import { COMMON, SOURCES } from '../../worker/backends/native/recipe.js'
import {
  kernelFolder,
  libraryPath,
  nativeFolder,
  setsHere,
  sourceFingerprint,
} from '../../worker/backends/native/library.js'
import { compile, ensureCompiler, findCompiler, NEED_COMPILER } from './compiler.js'
import { withLock } from './lock.js'

export interface NativeBuildOptions {
  /** The project root. */
  readonly root: string
  readonly log: (line: string) => void
  /** Sets to build; unset: those of this processor. */
  readonly sets?: readonly Isa[]
  /** Try to install a compiler where we are root. Default true. */
  readonly installCompiler?: boolean
}

/** True if the best set of this processor is built from the present sources. */
export function nativeIsCurrent(root: string): boolean {
  const [best] = setsHere()
  return best !== undefined && existsSync(libraryPath(root, sourceFingerprint(root), best))
}

/**
 * Builds what is missing, best set first. Concurrent calls, in any process, wait for each other.
 * @throws SystemRefused with the remedy: no compiler, or the first of its errors
 */
export async function buildNative(options: NativeBuildOptions): Promise<void> {
  const { root, log, sets = setsHere() } = options
  const fingerprint = sourceFingerprint(root)
  const missing = (): Isa[] => sets.filter((isa) => !existsSync(libraryPath(root, fingerprint, isa)))
  if (missing().length === 0) return
  await withLock(nativeFolder(root), log, async () => {
    const todo = missing()
    if (todo.length === 0) return
    const compiler = await compilerFor(log, options.installCompiler ?? true)
    log(`compiling the native engine for ${todo.map((isa) => isa.name).join(', ')} (${compiler})`)
    mkdirSync(join(nativeFolder(root), fingerprint), { recursive: true })
    for (const isa of todo) await buildOne(root, compiler, isa, libraryPath(root, fingerprint, isa))
  })
}

const COMPILERS = ['g++', 'clang++']

async function compilerFor(log: (line: string) => void, install: boolean): Promise<string> {
  if (install) return (await ensureCompiler(COMPILERS, log)).program
  const found = await findCompiler(COMPILERS)
  if (found === undefined) throw new SystemRefused('there is no C++ compiler (g++ or clang++)', NEED_COMPILER)
  return found.program
}

/** Node's own headers, for libraries that it loads. */
export const nodeHeaders = (root: string): string =>
  join(dirname(createRequire(join(root, 'package.json')).resolve('node-api-headers/package.json')), 'include')

async function buildOne(root: string, compiler: string, isa: Isa, target: string): Promise<void> {
  const work = mkdtempSync(join(dirname(target), '.new-'))
  try {
    const what = `the native engine for ${isa.name}`
    const remedy = `use g++ 10 or newer, or clang++ 12 or newer; \`${compiler} --version\` tells yours`
    const build = async ([name, flags]: (typeof SOURCES)[number]): Promise<string> => {
      const object = join(work, `${name}.o`)
      const args = [
        ...COMMON,
        ...isa.compilerFlags,
        ...flags,
        `-I${nodeHeaders(root)}`,
        '-c',
        join(kernelFolder(root), name),
      ]
      await compile(compiler, [...args, '-o', object], what, remedy)
      return object
    }
    const objects: string[] = []
    if (availableParallelism() > 1) objects.push(...(await Promise.all(SOURCES.map(build))))
    else for (const source of SOURCES) objects.push(await build(source))
    const loose = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : ['-Wl,-Bsymbolic']
    const library = join(work, 'library')
    await compile(compiler, ['-shared', ...objects, '-pthread', ...loose, '-o', library], what, remedy)
    renameSync(library, target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** As `buildNative`, but what goes wrong is told loudly and left so, unless the engine was asked for. True if it is there. */
export async function ensureNative(options: NativeBuildOptions & { readonly must: boolean }): Promise<boolean> {
  const [best] = setsHere()
  try {
    await buildNative({ ...options, sets: options.sets ?? (best === undefined ? [] : [best]) })
    return true
  } catch (error) {
    if (!(error instanceof SystemRefused)) throw error
    if (options.must) throw new BackendUnavailable(error.message, error.remedy, { cause: error })
    options.log('NO NATIVE ENGINE: training on another one, slower')
    options.log(`  ${error.message}`)
    options.log(`  to get it: ${error.remedy}`)
    return false
  }
}
