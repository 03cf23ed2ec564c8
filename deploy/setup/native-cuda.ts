// Compiles the native engine for NVIDIA GPUs from worker/backends/native/cuda/kernels where nvcc is, and finds cuBLASLt, which it
// loads at run time. What is built appears whole or not at all. It has never run on a GPU: nothing takes it by itself.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { SystemRefused } from '../../shared/errors.js'
import {
  cudaFolder,
  cudaKernelFolder,
  cudaLibraryPath,
  productsPath,
  targetsPath,
} from '../../worker/backends/native/cuda/library.js'
import { CUDA_COMMON, CUDA_SOURCES, CUDA_TARGETS } from '../../worker/backends/native/cuda/recipe.js'
import { run } from './command.js'
import { compile } from './compiler.js'
import { withLock } from './lock.js'
import { nodeHeaders } from './native-build.js'
import { fetchWheel } from './wheel.js'
import { Zip } from './zip.js'

export interface CudaBuildOptions {
  /** The project root. */
  readonly root: string
  readonly log: (line: string) => void
  /** Processors to make code for, as options of nvcc. Unset: all of CUDA_TARGETS. */
  readonly targets?: readonly string[]
}

/** Code for the GPUs of this machine alone: a third of the time. The engine says so where it is brought to another. */
export const TARGETS_HERE: readonly string[] = ['-arch=native']

/** One source takes minutes on two busy cores. */
const NVCC_MS = 1_800_000

const NEED_NVCC = 'install the CUDA toolkit 12 or newer and put its bin on the PATH, or set --backend tensorflow'

const NVCCS = ['nvcc', '/usr/local/cuda/bin/nvcc']

/** The nvcc on the PATH or where toolkits lie, or undefined. */
export async function findNvcc(): Promise<string | undefined> {
  for (const program of NVCCS)
    if ((await run(program, ['--version'], { timeoutMs: 20_000 })).status === 0) return program
  return undefined
}

/** Its version, such as 13.0; undefined where there is none. */
export async function nvccVersion(): Promise<string | undefined> {
  const program = await findNvcc()
  if (program === undefined) return undefined
  const { stdout } = await run(program, ['--version'], { timeoutMs: 20_000 })
  return /release ([\d.]+)/.exec(stdout)?.[1] ?? 'of unknown version'
}

/** Compiles one source of the engine. @returns what the assembler says. @throws SystemRefused with the compiler's first error */
export async function compileCuda(
  nvcc: string,
  root: string,
  source: string,
  targets: readonly string[],
  object: string,
): Promise<string> {
  const from = join(cudaKernelFolder(root), source)
  // A process a processor that code is made for, as many as there are cores.
  const args = ['--threads', '0', ...CUDA_COMMON, ...targets, `-I${nodeHeaders(root)}`, '-c', from, '-o', object]
  const remedy = 'it needs CUDA 12 or newer; see `nvcc --version`'
  return compile(nvcc, args, `${source} of the native engine`, remedy, NVCC_MS)
}

/** What the assembler (`-Xptxas -v`) says of the kernels: how many, most registers a thread, and what spills to memory. */
export function resourcesOf(said: string): { kernels: number; registers: number; spills: string[] } {
  let kernels = 0
  let registers = 0
  let at = ''
  const spills: string[] = []
  for (const line of said.split('\n')) {
    at = /Compiling entry function '([^']*)' for '([^']*)'/.exec(line)?.slice(1).join(' for ') ?? at
    const spilled = Number(/(\d+) bytes spill stores/.exec(line)?.[1] ?? 0)
    if (spilled > 0) spills.push(`${spilled} bytes in ${at}`)
    const used = /Used (\d+) registers/.exec(line)?.[1]
    if (used === undefined) continue
    kernels++
    registers = Math.max(registers, Number(used))
  }
  return { kernels, registers, spills }
}

/** Builds what is missing, and looks for cuBLASLt. @throws SystemRefused with the remedy */
export async function buildCuda({ root, log, targets = CUDA_TARGETS }: CudaBuildOptions): Promise<void> {
  const library = cudaLibraryPath(root)
  await withLock(cudaFolder(root), log, async () => {
    if (!existsSync(library)) {
      const nvcc = await findNvcc()
      if (nvcc === undefined) throw new SystemRefused('there is no CUDA compiler (nvcc)', NEED_NVCC)
      log(`compiling the native engine for GPUs (${nvcc}); some minutes`)
      mkdirSync(dirname(library), { recursive: true })
      const work = mkdtempSync(join(cudaFolder(root), '.new-'))
      try {
        const objects = CUDA_SOURCES.map((name) => join(work, `${name}.o`))
        const flags = [...targets, '-Xptxas', '-v']
        const said = await Promise.all(CUDA_SOURCES.map((name, i) => compileCuda(nvcc, root, name, flags, objects[i] as string))) // prettier-ignore
        const { kernels, registers, spills } = resourcesOf(said.join('\n'))
        log(`${kernels} kernels, at most ${registers} registers a thread; spilled: ${spills.join(', ') || 'nothing'}`)
        const made = join(work, 'library')
        const link = [
          '-shared',
          ...targets,
          '-cudart',
          'static',
          ...objects,
          '-ldl',
          '-Xlinker',
          '-Bsymbolic',
          '-o',
          made,
        ]
        await compile(nvcc, link, 'the native engine for GPUs', 'it needs g++ beside nvcc')
        if (cudaLibraryPath(root) !== library)
          throw new SystemRefused('the sources changed while they were compiled', 'run it again')
        writeFileSync(targetsPath(root), targets === CUDA_TARGETS ? '8.0, 9.0, 10.0 and newer' : targets.join(' '))
        renameSync(made, library)
      } finally {
        rmSync(work, { recursive: true, force: true })
      }
    }
    if (knownProducts(root) === undefined) {
      const products = await findProducts(root, log)
      log(`cuBLASLt: ${products}`)
      writeFileSync(productsPath(root), `${products}\n`)
    }
  })
}

/** Where a build before this one found cuBLASLt, if it is still there. */
export function knownProducts(root: string): string | undefined {
  const known = existsSync(productsPath(root)) ? readFileSync(productsPath(root), 'utf8').trim() : ''
  return existsSync(known) ? known : undefined
}

const LIBRARY = /^libcublasLt\.so\.\d+$/

/** Paths of cuBLASLt in these folders, newest first. */
const librariesIn = (folders: readonly string[]): string[] =>
  folders
    .flatMap((folder) =>
      existsSync(folder)
        ? readdirSync(folder)
            .filter((name) => LIBRARY.test(name))
            .map((name) => join(folder, name))
        : [],
    ) // prettier-ignore
    .sort((a, b) => basename(b).localeCompare(basename(a), 'en', { numeric: true }))

/** Folders of NVIDIA's wheels that the Python on the PATH has. */
async function pythonFolders(): Promise<string[]> {
  const program =
    'import nvidia, os; print("\\n".join(os.path.join(p, d, "lib") for p in nvidia.__path__ for d in os.listdir(p)))'
  const { status, stdout } = await run('python3', ['-c', program], { timeoutMs: 20_000 })
  return status === 0 ? stdout.trim().split('\n') : []
}

/** Paths of the cuBLASLt of this machine: with the toolkit, or with Python's packages; the newest first. */
export async function productsHere(): Promise<string[]> {
  const toolkits = ['/usr/local/cuda/lib64', '/usr/local/cuda/targets/x86_64-linux/lib', '/usr/lib/x86_64-linux-gnu']
  return librariesIn([...toolkits, ...(await pythonFolders())])
}

/** One that is here, or fetched as NVIDIA's wheel. */
async function findProducts(root: string, log: (line: string) => void): Promise<string> {
  const [found] = await productsHere()
  if (found !== undefined) return found
  log('cuBLASLt is not installed here: fetching the wheel nvidia-cublas (400 MB)')
  const work = mkdtempSync(join(cudaFolder(root), '.wheel-'))
  try {
    const zip = await Zip.open(await fetchWheel('nvidia-cublas', '>=13.0', { log, folder: work }))
    try {
      const entry = zip.entries.find(({ name }) => LIBRARY.test(basename(name)))
      if (entry === undefined)
        throw new SystemRefused('the wheel nvidia-cublas has no libcublasLt', 'install the CUDA toolkit')
      const target = join(cudaFolder(root), basename(entry.name))
      await zip.extract(entry, target)
      return target
    } finally {
      await zip.close()
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
