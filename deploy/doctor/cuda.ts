// What there is of our own engine for NVIDIA GPUs: compiler, library, cuBLASLt, and the one command that gets what is missing.
import { existsSync, readFileSync } from 'node:fs'
import { cudaKernelFolder, cudaLibraryPath, targetsPath } from '../../worker/backends/native/cuda/library.js'
import { knownProducts, nvccVersion, productsHere } from '../setup/native-cuda.js'
import type { Finding } from './finding.js'

export interface CudaFacts {
  readonly gpus: number
  /** Version of nvcc. */
  readonly nvcc: string | undefined
  /** What the library from the present sources was built for. */
  readonly builtFor: string | undefined
  /** Path of cuBLASLt. */
  readonly products: string | undefined
}

export async function cudaFinding(root: string, gpus: number): Promise<Finding> {
  const library = existsSync(cudaKernelFolder(root)) && existsSync(cudaLibraryPath(root))
  const targets = library && existsSync(targetsPath(root)) ? readFileSync(targetsPath(root), 'utf8').trim() : 'GPUs'
  return cudaFindingOf({
    gpus,
    nvcc: await nvccVersion(),
    builtFor: library ? targets : undefined,
    products: knownProducts(root) ?? (await productsHere())[0],
  })
}

/** Never needed: the engine has to be asked for by name. */
export function cudaFindingOf({ gpus, nvcc, builtFor, products }: CudaFacts): Finding {
  const text = [
    builtFor === undefined ? 'not built from these sources' : `built for ${builtFor}`,
    nvcc === undefined ? 'no nvcc' : `nvcc ${nvcc}`,
    products === undefined ? 'no cuBLASLt' : `cuBLASLt ${products}`,
  ].join(', ')
  const topic = 'native on GPUs'
  if (gpus === 0) return { topic, state: 'note', text }
  if (builtFor !== undefined && products !== undefined)
    return { topic, state: 'ok', text, remedy: '`npm run gpu-check` says whether it is right and fast on this card' }
  const remedy =
    builtFor === undefined && nvcc === undefined
      ? 'install the CUDA toolkit 12 or newer, then run `npm run native -- --cuda`'
      : 'run `npm run native -- --cuda`'
  return { topic, state: 'note', text, remedy }
}
