// Puts TensorFlow's own library under .trmesh/tensorflow: the C++ library out of its Python wheel, the binding compiled against it,
// and a real matrix product before it counts as installed. Python is used at most to fetch (pip), never to run.
// The npm package's own download is TensorFlow 2.9, which knows neither Hopper nor bf16 matrix products.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { SystemRefused } from '../../shared/errors.js'
import { findTensorflow, tensorflowFolder, type TensorflowInstall } from '../../worker/backends/tensorflow.js'
import { probeBackend, type ProbeResult } from '../doctor/probe.js'
import { ensureCompiler } from './compiler.js'
import { unpackCuda } from './cuda.js'
import { withLock } from './lock.js'
import { bindingFingerprint, buildBinding } from './tensorflow-build.js'
import { fetchWheel } from './wheel.js'
import { Zip } from './zip.js'

export const TENSORFLOW_VERSION = '2.21.0'

export interface TensorflowInstallOptions {
  /** The project root. */
  root: string
  log: (line: string) => void
  /** A wheel already on this machine (tensorflow_cpu-*.whl, or tensorflow-*.whl for gpu). Nothing is fetched for cpu. */
  wheel?: string
  /** Stands for https://pypi.org. */
  indexBase?: string
  /** False to leave pip alone. */
  usePip?: boolean
  /** Milliseconds the fetching may take. */
  limitMs?: number
  /** False where an image is built for machines with a GPU on one without: the CPU tries the library instead. */
  gpuHere?: boolean
}

/** What of the wheel is kept: the library in two parts, and the headers the binding includes. */
const LIBRARIES = ['tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2']
const HEADERS = ['tensorflow/c/', 'tensorflow/core/platform/', 'tsl/platform/', 'xla/tsl/'].map(
  (path) => `tensorflow/include/${path}`,
)
const NEEDED_BYTES = { cpu: 1.5e9, gpu: 12e9 }

/**
 * Installs, or returns what is installed. Nothing half made is ever seen: all happens in a folder beside, renamed at the end.
 * Concurrent calls, in any process, wait for each other.
 * @throws SystemRefused with the remedy: no wheel, no compiler, no space, wrong machine
 * @throws DataError if the wheel is damaged
 */
export async function installTensorflow(
  variant: 'cpu' | 'gpu',
  options: TensorflowInstallOptions,
): Promise<TensorflowInstall & { probe: ProbeResult }> {
  const { root, log } = options
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    throw new SystemRefused(
      `TensorFlow is set up on Linux x64 and arm64 only, this is ${process.platform} ${process.arch}`,
      'use --backend wasm',
    )
  }
  return withLock(tensorflowFolder(root), log, async () => {
    removeRemains(root)
    const present = findTensorflow(root).find(
      (each) => each.variant === variant && each.version === wantedVersion(options),
    )
    if (present !== undefined && isCurrent(root, present)) {
      log(`TensorFlow ${present.version} (${variant}) is installed in ${present.folder}`)
      return { ...present, probe: await mustCompute(root, variant, options) }
    }
    log(`g++ ${(await ensureCompiler(['g++'], log)).version}`)
    if (present !== undefined) return rebuild(root, present, options)
    return install(variant, options)
  })
}

/** What is installed and up to date, for either kind of device; nothing is tried. */
export function currentTensorflow(root: string): TensorflowInstall | undefined {
  return findTensorflow(root).find((each) => isCurrent(root, each))
}

const wantedVersion = (options: TensorflowInstallOptions): string =>
  options.wheel === undefined ? TENSORFLOW_VERSION : versionOf(options.wheel)

function versionOf(wheel: string): string {
  const version = /^tensorflow(?:_cpu|_gpu)?-([\d.]+)-/.exec(basename(wheel))?.[1]
  if (version !== undefined) return version
  throw new SystemRefused(
    `${wheel} is not named like a TensorFlow wheel`,
    'give a file such as tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl, named as PyPI names it',
  )
}

function isCurrent(root: string, present: TensorflowInstall): boolean {
  const manifest = JSON.parse(readFileSync(join(present.folder, 'install.json'), 'utf8')) as { binding?: string }
  return manifest.binding === bindingFingerprint(root)
}

/** Folders of installations that were killed half way; we hold the lock, so none is at work. */
function removeRemains(root: string): void {
  for (const name of readdirSync(tensorflowFolder(root))) {
    if (name.startsWith('.new-')) rmSync(join(tensorflowFolder(root), name), { recursive: true, force: true })
  }
}

async function rebuild(
  root: string,
  present: TensorflowInstall,
  options: TensorflowInstallOptions,
): Promise<TensorflowInstall & { probe: ProbeResult }> {
  options.log('compiling the binding again: its sources changed')
  await buildBinding(root, present.folder)
  writeManifest(root, present)
  return { ...present, probe: await mustCompute(root, present.variant, options) }
}

async function install(
  variant: 'cpu' | 'gpu',
  options: TensorflowInstallOptions,
): Promise<TensorflowInstall & { probe: ProbeResult }> {
  const { root, log } = options
  const parent = tensorflowFolder(root)
  refuseFullDisk(parent, NEEDED_BYTES[variant])
  const work = mkdtempSync(join(parent, '.new-'))
  try {
    const fetched = join(work, 'wheel')
    mkdirSync(fetched)
    const wheel = options.wheel ?? (await fetchTensorflow(variant, { ...options, folder: fetched }))
    const name = `${variant}-${versionOf(wheel)}`
    // A project root of its own inside, so that the probe looks nowhere else.
    const staged: TensorflowInstall = { folder: join(tensorflowFolder(work), name), variant, version: versionOf(wheel) }
    mkdirSync(staged.folder, { recursive: true })
    log('unpacking the library')
    const requirements = await unpackWheel(wheel, staged.folder)
    rmSync(fetched, { recursive: true })
    if (variant === 'gpu') await unpackCuda(requirements, { ...options, work, target: join(staged.folder, 'cuda') })
    log('compiling the binding')
    await buildBinding(root, staged.folder)
    writeManifest(root, staged)
    const probe = await mustCompute(work, variant, options)
    const folder = join(parent, name)
    rmSync(folder, { recursive: true, force: true })
    renameSync(staged.folder, folder)
    log(
      `TensorFlow ${staged.version} (${variant}) is installed in ${folder}: ${probe.detail}, ${Math.round(probe.gflopPerSecond)} GFLOP/s`,
    )
    return { ...staged, folder, probe }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function fetchTensorflow(
  variant: 'cpu' | 'gpu',
  options: TensorflowInstallOptions & { folder: string },
): Promise<string> {
  // There is no tensorflow-cpu for arm64: there the plain wheel has no CUDA in it.
  const name = variant === 'gpu' || process.arch === 'arm64' ? 'tensorflow' : 'tensorflow-cpu'
  options.log(`fetching ${name} ${TENSORFLOW_VERSION} (about ${variant === 'gpu' ? 600 : 270} MB)`)
  try {
    return await fetchWheel(name, `==${TENSORFLOW_VERSION}`, options)
  } catch (error) {
    if (!(error instanceof SystemRefused)) throw error
    const command = `pip download --no-deps ${name}==${TENSORFLOW_VERSION}`
    const remedy = `on a machine with network run \`${command}\`, bring the file here, and run \`deploy/tensorflow.sh ${variant} FILE.whl\``
    throw new SystemRefused(error.message, remedy, { cause: error })
  }
}

/** Unpacks what is kept, and returns the wheel's requirements (the `Requires-Dist` lines of its METADATA). */
async function unpackWheel(path: string, folder: string): Promise<string[]> {
  const zip = await Zip.open(path)
  try {
    for (const name of LIBRARIES) {
      const entry = zip.entries.find((each) => each.name === name)
      if (entry === undefined)
        throw new SystemRefused(
          `${path} holds no ${name}`,
          `give a TensorFlow wheel for Linux, version ${TENSORFLOW_VERSION}`,
        )
      await zip.extract(entry, join(folder, basename(name)))
    }
    for (const entry of zip.entries) {
      const wanted = HEADERS.some((prefix) => entry.name.startsWith(prefix)) && entry.name.endsWith('.h')
      if (wanted && !entry.name.includes('..'))
        await zip.extract(entry, join(folder, entry.name.slice('tensorflow/'.length)))
    }
    const metadata = zip.entries.find((each) => each.name.endsWith('.dist-info/METADATA'))
    if (metadata === undefined) return []
    return [...(await zip.text(metadata)).matchAll(/^Requires-Dist: (.*)$/gm)].map((match) => match[1] ?? '')
  } finally {
    await zip.close()
  }
}

/** Written last: it makes the folder an installation. */
function writeManifest(root: string, { folder, variant, version }: TensorflowInstall): void {
  writeFileSync(
    join(folder, 'install.json'),
    `${JSON.stringify({ variant, version, binding: bindingFingerprint(root) }, null, 2)}\n`,
  )
}

async function mustCompute(
  root: string,
  variant: 'cpu' | 'gpu',
  { gpuHere = true }: TensorflowInstallOptions,
): Promise<ProbeResult> {
  const result = await probeBackend('tensorflow', { root, gpu: variant === 'gpu' && gpuHere ? 0 : 'none' })
  if (result.ok) return result
  throw new SystemRefused(`TensorFlow was built but does not compute here: ${result.message}`, result.remedy)
}

function refuseFullDisk(folder: string, needed: number): void {
  if (!existsSync(folder)) return
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= needed) return
  throw new SystemRefused(
    `TensorFlow needs ${needed / 1e9} GB of disk while it is installed, ${folder} has ${((bavail * bsize) / 1e9).toFixed(1)} GB`,
    'free some space, or use --backend wasm',
  )
}
