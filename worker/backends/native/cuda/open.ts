// Opens the native engine on a GPU as the tfjs backend of this thread.
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailable } from '../../../../shared/errors.js'
import { startCudaEngine } from './addon.js'
import { registerCuda } from './backend.js'
import './embedding.js'
import './head-loss.js'
import { findCudaLibrary, type CudaLibrary } from './library.js'
import { NATIVE_CUDA } from './name.js'
import './network.js'
import './replay.js'
import './sub-layers.js'
import './update.js'

export interface CudaOptions {
  readonly gpu: number
  /** Unset or auto: bf16. */
  readonly precision: 'auto' | 'f32' | 'bf16'
  /** The recursion as a graph of the GPU (replay.ts). Unset: yes. */
  readonly graphs?: boolean
  /** In place of what is built here: for tests. */
  readonly library?: CudaLibrary
}

/**
 * Makes the native engine on this GPU the backend of this thread.
 * @throws BackendUnavailable if it is not built here, or there is no such GPU, driver or cuBLASLt
 */
export async function openCuda(
  root: string,
  { gpu, precision, graphs = true, library = findCudaLibrary(root) }: CudaOptions,
): Promise<{ detail: string; precision: 'f32' | 'bf16'; peak: (seconds: number) => number; memory: () => number }> {
  const chosen = precision === 'f32' ? 'f32' : 'bf16'
  let engine: ReturnType<typeof startCudaEngine>
  try {
    engine = startCudaEngine(library.path, gpu, chosen === 'bf16', library.products)
  } catch (error) {
    throw new BackendUnavailable(
      `the native engine does not start on GPU ${gpu}: ${error instanceof Error ? error.message : String(error)}`,
      'see `nvidia-smi` for the GPUs and the driver of this machine, and `npx trmesh doctor`',
      { cause: error },
    )
  }
  if (tf.findBackend(NATIVE_CUDA) !== null) {
    tf.removeBackend(NATIVE_CUDA)
    for (const { kernelName } of tf.getKernelsForBackend(NATIVE_CUDA)) tf.unregisterKernel(kernelName, NATIVE_CUDA)
  }
  registerCuda(engine, graphs)
  if (!(await tf.setBackend(NATIVE_CUDA)))
    throw new BackendUnavailable('the native backend does not start in this Node', 'use --backend wasm')
  const { addon, device } = engine
  return {
    detail: addon.describe(device).join(', '),
    precision: chosen,
    peak: (seconds) => addon.peak(device, seconds),
    memory: () => addon.mostUsed(device),
  }
}
