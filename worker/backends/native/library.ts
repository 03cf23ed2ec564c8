// Where the compiled engines lie and which one this process loads. They are built from the sources beside this file by
// deploy/setup; one built from other sources is never loaded.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BackendUnavailable, ConfigError } from '../../../shared/errors.js'
import type { Isa } from './isa.js'
import { flagsOf, ISAS, setsOf } from './isa.js'
import { COMMON, SOURCES } from './recipe.js'

const BUILD = 'run `npm run native`; it needs g++ (`apt-get install g++` as root)'

export const kernelFolder = (root: string): string => join(root, 'worker', 'backends', 'native', 'kernels')
export const nativeFolder = (root: string): string => join(root, '.trmesh', 'native')

/** Changes when any source or any flag does. */
export function sourceFingerprint(root: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([ISAS, COMMON, SOURCES]))
    .update(`${process.platform} ${process.arch}`)
  const folder = kernelFolder(root)
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)))
  return hash.digest('hex').slice(0, 16)
}

export const libraryPath = (root: string, fingerprint: string, isa: Isa): string =>
  join(nativeFolder(root), fingerprint, `${isa.name}.node`)

/** The sets of this machine's processor, best first. */
export function setsHere(): Isa[] {
  const path = '/proc/cpuinfo'
  return setsOf(flagsOf(existsSync(path) ? readFileSync(path, 'utf8') : ''))
}

export interface NativeLibrary {
  readonly isa: Isa
  readonly path: string
}

/**
 * The library for this processor, or for the lower set asked for.
 * @throws ConfigError if the set asked for is none
 * @throws BackendUnavailable if the processor lacks it, or nothing current is built
 */
export function findLibrary(root: string, asked: string | undefined): NativeLibrary {
  const here = setsHere()
  const names = ISAS.map((isa) => isa.name).join(', ')
  const forced = asked === undefined || asked === '' ? undefined : ISAS.find((isa) => isa.name === asked)
  if (asked !== undefined && asked !== '' && forced === undefined)
    throw new ConfigError(
      `TRMESH_ISA is "${asked}", which is no instruction set`,
      `use one of ${names}, or leave it out`,
    )
  if (forced !== undefined && forced.emulated !== true && !here.includes(forced))
    throw new BackendUnavailable(
      `TRMESH_ISA asks for ${forced.name}, which this processor does not have`,
      `it has ${here.map((isa) => isa.name).join(', ')}`,
    )
  const fingerprint = existsSync(kernelFolder(root)) ? sourceFingerprint(root) : ''
  for (const isa of forced === undefined ? here : [forced]) {
    const path = libraryPath(root, fingerprint, isa)
    if (existsSync(path)) return { isa, path }
  }
  const what = forced === undefined ? 'the native engine' : `the native engine for ${forced.name}`
  const stale = existsSync(nativeFolder(root)) && readdirSync(nativeFolder(root)).some((name) => !name.startsWith('.'))
  throw new BackendUnavailable(`${what} is not built here${stale ? ', or from other sources' : ''}`, BUILD)
}
