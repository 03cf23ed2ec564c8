// Backend `wasm`: TensorFlow.js's own WebAssembly kernels. One thread, SIMD, nothing native; works wherever Node does.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailable } from '../../shared/errors.js'

/** Makes `wasm` the tfjs backend of this thread. */
export async function openWasm(): Promise<{ device: string; detail: string }> {
  const { setWasmPaths, version_wasm } = await import('@tensorflow/tfjs-backend-wasm')
  const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(join(dirname(entry), '/'))
  if (!(await tf.setBackend('wasm'))) {
    throw new BackendUnavailable(
      'the wasm backend does not start in this Node',
      'run `npm ci` again; Node 20 or newer is needed',
    )
  }
  const simd = tf.env().getBool('WASM_HAS_SIMD_SUPPORT')
  return { device: 'CPU', detail: `tfjs wasm ${version_wasm}, ${simd ? 'SIMD' : 'no SIMD (slow)'}, 1 thread` }
}
