// Backend `tensorflow`: the kernels of @tensorflow/tfjs-node-gpu on the libtensorflow that `deploy/tensorflow.sh` put under
// .trmesh/tensorflow. The package's index.js is not used: it looks for a binding of TensorFlow 2.9 inside its own folder.
// Its backend class and kernels are taken directly.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailable } from '../../shared/errors.js'
import '../ops/tensorflow-primitives.js'
import { configProto, type ContextOptions } from './tensorflow-config.js'

/** A libtensorflow with its binding, ready to load. */
export interface TensorflowInstall {
  folder: string
  variant: 'cpu' | 'gpu'
  version: string
}

/** What the binding is asked of by our own code; its kernels use more. */
export interface TensorflowBinding {
  TF_Version: string
  isUsingGpuDevice(): boolean
}

/** Where installations live, under the project root. */
export function tensorflowFolder(root: string): string {
  return join(root, '.trmesh', 'tensorflow')
}

/** Finished installations, newest version first. A folder counts only with its manifest, which is written last. */
export function findTensorflow(root: string): TensorflowInstall[] {
  const parent = tensorflowFolder(root)
  if (!existsSync(parent)) return []
  const installs: TensorflowInstall[] = []
  for (const name of readdirSync(parent)) {
    const match = /^(cpu|gpu)-(\d[\w.]*)$/.exec(name)
    const variant = match?.[1]
    const version = match?.[2]
    if ((variant !== 'cpu' && variant !== 'gpu') || version === undefined) continue
    if (existsSync(join(parent, name, 'install.json'))) installs.push({ folder: join(parent, name), variant, version })
  }
  return installs.sort((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }))
}

type BackendClass = new (binding: TensorflowBinding, packageName: string) => tf.KernelBackend

/** The package's backend class, with all its kernels registered on the tfjs-core this module imports. */
function loadKernels(): BackendClass {
  const require = createRequire(import.meta.url)
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js')
  const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js') as {
    NodeJSKernelBackend: BackendClass
  }
  return NodeJSKernelBackend
}

let opened: { key: string; binding: TensorflowBinding } | undefined

/**
 * Loads the library and makes `tensorflow` the tfjs backend of this thread. A thread has one context for its life:
 * asking again with other options is a bug and throws.
 */
export async function openTensorflow(install: TensorflowInstall, options: ContextOptions): Promise<TensorflowBinding> {
  const key = JSON.stringify([install.folder, options])
  if (opened === undefined) {
    opened = { key, binding: loadBinding(install, options) }
    const { binding } = opened
    const Backend = loadKernels()
    tf.registerBackend('tensorflow', () => new Backend(binding, '@tensorflow/tfjs-node-gpu'))
  } else if (opened.key !== key) {
    throw new Error(`internal: this thread already runs TensorFlow with ${opened.key}, not ${key}`)
  }
  if (!(await tf.setBackend('tensorflow'))) throw new Error('internal: tfjs did not take the registered backend')
  return opened.binding
}

function loadBinding(install: TensorflowInstall, options: ContextOptions): TensorflowBinding {
  const library = join(install.folder, 'libtrmesh_tensorflow.so')
  try {
    const loader = createRequire(import.meta.url)(join(install.folder, 'trmesh_tensorflow.node')) as {
      open(library: string, config: Uint8Array, first: string[]): TensorflowBinding
    }
    const cuda = join(install.folder, 'cuda')
    const first = existsSync(cuda) && options.gpu !== 'none' ? readdirSync(cuda).map((name) => join(cuda, name)) : []
    return loader.open(library, configProto(options), first)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BackendUnavailable(
      `TensorFlow ${install.version} (${install.variant}) does not start: ${reason}`,
      `install it again: rm -r ${install.folder} && deploy/tensorflow.sh ${install.variant}`,
      { cause },
    )
  }
}

/** The card's name as the driver tells it, or undefined where there is no NVIDIA driver. */
export function gpuNames(): string[] {
  const parent = '/proc/driver/nvidia/gpus'
  if (!existsSync(parent)) return []
  return readdirSync(parent).map((name) => {
    const text = readFileSync(join(parent, name, 'information'), 'utf8')
    return /^Model:\s*(.*)$/m.exec(text)?.[1] ?? 'NVIDIA GPU'
  })
}
