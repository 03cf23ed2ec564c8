// Opens the native engine: our own kernels, compiled for this processor, as the tfjs backend of this thread.
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailable } from '../../../shared/errors.js'
import { registerNative } from './backend.js'
import { startEngine } from './engine.js'
import { findLibrary } from './library.js'
import { NATIVE } from './name.js'
import './network.js'
import './row-ops.js'
import './update.js'

export interface NativeOptions {
  readonly precision: 'auto' | 'f32' | 'bf16'
  readonly threads?: number
  /** A lower instruction set than the best (TRMESH_ISA). */
  readonly isa?: string
}

/**
 * Makes `native` the backend of this thread.
 * @throws BackendUnavailable if the engine is not built here, or does not start
 * @throws ConfigError if the instruction set asked for is none
 */
export async function openNative(
  root: string,
  { precision, threads, isa }: NativeOptions,
): Promise<{ detail: string; precision: 'f32' | 'bf16'; peak: (seconds: number) => number }> {
  const library = findLibrary(root, isa)
  const engine = startEngine(library, precision, threads)
  if (tf.findBackend(NATIVE) !== null) {
    tf.removeBackend(NATIVE)
    for (const { kernelName } of tf.getKernelsForBackend(NATIVE)) tf.unregisterKernel(kernelName, NATIVE)
  }
  registerNative(engine)
  if (!(await tf.setBackend(NATIVE)))
    throw new BackendUnavailable('the native backend does not start in this Node', 'use --backend wasm')
  const { threads: running } = engine
  return {
    detail: `${library.isa.title} (${library.isa.name}), ${running} thread${running === 1 ? '' : 's'}`,
    precision: engine.precision,
    peak: (seconds) => engine.addon.peak(engine.handle, seconds),
  }
}
