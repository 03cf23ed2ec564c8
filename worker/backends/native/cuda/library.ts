// Where the engine for GPUs lies: built by deploy/setup from the sources beside this file, and never loaded from others. Beside it
// stands where the build found cuBLASLt.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BackendUnavailable } from '../../../../shared/errors.js'
import { kernelFolder, nativeFolder } from '../library.js'
import { CUDA_COMMON, CUDA_SOURCES, CUDA_TARGETS } from './recipe.js'

export interface CudaLibrary {
  readonly path: string
  /** cuBLASLt: a path, or a name that the system's loader knows. */
  readonly products: string
}

export const cudaKernelFolder = (root: string): string => join(root, 'worker', 'backends', 'native', 'cuda', 'kernels')
export const cudaFolder = (root: string): string => join(nativeFolder(root), 'cuda')

/** Changes when any source or any flag does. */
export function cudaFingerprint(root: string): string {
  const hash = createHash('sha256').update(JSON.stringify([CUDA_COMMON, CUDA_SOURCES, CUDA_TARGETS, process.arch]))
  const folder = cudaKernelFolder(root)
  const files = [
    ...readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
    join(kernelFolder(root), 'arguments.h'),
  ]
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

export const cudaLibraryPath = (root: string): string => join(cudaFolder(root), cudaFingerprint(root), 'cuda.node')
/** One line: the processors that the library was made for. */
export const targetsPath = (root: string): string => join(cudaFolder(root), cudaFingerprint(root), 'targets')
/** One line: where cuBLASLt is. */
export const productsPath = (root: string): string => join(cudaFolder(root), 'cublaslt')

/** @throws BackendUnavailable with the command that builds it */
export function findCudaLibrary(root: string): CudaLibrary {
  const path = existsSync(cudaKernelFolder(root)) ? cudaLibraryPath(root) : ''
  if (!existsSync(path))
    throw new BackendUnavailable(
      'the native engine for GPUs is not built here',
      'run `npm run native -- --cuda`; it needs nvcc of CUDA 12 or newer. Or use --backend tensorflow on the GPU',
    )
  const products = productsPath(root)
  return { path, products: existsSync(products) ? readFileSync(products, 'utf8').trim() : 'libcublasLt.so.13' }
}
