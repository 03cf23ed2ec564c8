// Which engine computes in this thread: chosen, started, and made to prove itself before anything depends on it.
// Asking for one that is not there is an error with the remedy; only `auto` may take another, and says why.
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailable } from '../../shared/errors.js'
import { registerGradients } from './gradients.js'
import type { CudaLibrary } from './native/cuda/library.js'
import { NATIVE_CUDA } from './native/cuda/name.js'
import { openCuda } from './native/cuda/open.js'
import { openNative } from './native/open.js'
import { MATMUL_TOLERANCE, worstMatmulError } from './probe.js'
import { findTensorflow, gpuNames, openTensorflow, type TensorflowInstall } from './tensorflow.js'
import { openWasm } from './wasm.js'

export type BackendAsked = 'auto' | 'tensorflow' | 'wasm' | 'native'

export interface BackendOptions {
  /** The project root: TensorFlow is looked for in .trmesh under it. */
  root: string
  /** Number of the GPU to use. A number: that GPU or an error. 'none': the CPU. Unset: a GPU if there is one. */
  gpu?: number | 'none'
  /** Threads one kernel may use (native, and tensorflow on CPU). Unset: all cores. */
  threads?: number
  /** Numbers of the activations. Unset or auto: what the backend is best at. */
  precision?: 'auto' | 'f32' | 'bf16'
  /** Instruction set of the native engine (TRMESH_ISA). Unset: the best of this processor. */
  isa?: string
  /** The native engine on a GPU records its recursion as a graph. Unset: yes. */
  graphs?: boolean
  /** The native engine for GPUs in place of the one that is built here: for tests. */
  cuda?: CudaLibrary
}

export interface Backend {
  name: 'tensorflow' | 'wasm' | 'native'
  /** `CPU` or `GPU 0`. */
  device: string
  /** Library, version, threads, card: for people. */
  detail: string
  /** One sentence: why this one. */
  why: string
  precision: 'f32' | 'bf16'
  /** Measures for that long what its inner product reaches, in GFLOP/s; only where the engine tells. */
  peak?: (seconds: number) => number
  /** Bytes of the device's memory that were in use at once; only where the engine tells. */
  memory?: () => number
}

/**
 * Makes the backend asked for the tfjs backend of this thread and checks one real matrix product.
 * @throws BackendUnavailable if it is not there, does not start, or computes wrongly
 */
export async function selectBackend(asked: BackendAsked, options: BackendOptions): Promise<Backend> {
  registerGradients()
  switch (asked) {
    case 'native':
      return checked(await startNative(options, 'asked for'))
    case 'tensorflow':
      return checked(await startTensorflow(options, 'asked for'))
    case 'wasm':
      return checked(await startWasm(options, 'asked for'))
    case 'auto':
      return chooseBest(options)
  }
}

/**
 * The best that starts, and why not the better ones. A GPU goes to TensorFlow, and to our own engine only by name: it has not
 * passed parity on one. A CPU is served fastest by our own engine.
 */
async function chooseBest(options: BackendOptions): Promise<Backend> {
  const wantsGpu = isNumber(options.gpu) || (options.gpu !== 'none' && gpuNames().length > 0)
  const starts = wantsGpu ? [startTensorflow, startNative] : [startNative, startTensorflow]
  const missing: string[] = []
  for (const start of starts) {
    try {
      const why = ['the fastest engine installed here', ...missing].join('; ')
      return checked(await start(options, why))
    } catch (error) {
      // A GPU was asked for by number: no other engine can give it. A wrong name is no missing engine.
      if (!(error instanceof BackendUnavailable) || isNumber(options.gpu)) throw error
      missing.push(`${error.message} (to get it: ${error.remedy})`)
    }
  }
  return checked(await startWasm(options, `${missing.join('; ')}; wasm is much slower but always there`))
}

const isNumber = (gpu: BackendOptions['gpu']): gpu is number => typeof gpu === 'number'

/** The installation that serves the request: one with CUDA if a GPU is wanted or present, else the plain one. */
function pickInstall(options: BackendOptions): TensorflowInstall {
  const installs = findTensorflow(options.root)
  const wantsGpu = isNumber(options.gpu) || (options.gpu !== 'none' && gpuNames().length > 0)
  const withGpu = installs.find((install) => install.variant === 'gpu')
  if (isNumber(options.gpu) && withGpu === undefined) {
    const have =
      installs.length > 0 ? 'the TensorFlow installed here is the CPU one' : 'TensorFlow is not installed here'
    throw new BackendUnavailable(`GPU ${options.gpu} was asked for, but ${have}`, 'run `deploy/tensorflow.sh gpu`')
  }
  const install = (wantsGpu ? withGpu : undefined) ?? installs.find((each) => each.variant === 'cpu') ?? withGpu
  if (install === undefined) {
    const variant = wantsGpu ? 'gpu' : 'cpu'
    throw new BackendUnavailable('TensorFlow is not installed here', `run \`deploy/tensorflow.sh ${variant}\``)
  }
  return install
}

async function startTensorflow(options: BackendOptions, why: string): Promise<Backend> {
  const install = pickInstall(options)
  const { gpu, threads } = options
  const binding = await openTensorflow(install, {
    ...(gpu === undefined ? {} : { gpu }),
    ...(threads === undefined ? {} : { threads }),
  })
  const onGpu = binding.isUsingGpuDevice()
  if (isNumber(gpu) && !onGpu) {
    throw new BackendUnavailable(
      `GPU ${gpu} was asked for, but TensorFlow ${binding.TF_Version} sees no such GPU`,
      'see `nvidia-smi` for the GPUs and the driver of this machine, and `trmesh doctor`',
    )
  }
  const place = onGpu
    ? (gpuNames()[isNumber(gpu) ? gpu : 0] ?? 'CUDA')
    : threads === undefined
      ? 'all cores'
      : `${threads} thread${threads === 1 ? '' : 's'}`
  return {
    name: 'tensorflow',
    device: onGpu ? `GPU ${isNumber(gpu) ? gpu : 0}` : 'CPU',
    detail: `TensorFlow ${binding.TF_Version}, ${place}`,
    why,
    precision: 'f32',
  }
}

async function startNative(options: BackendOptions, why: string): Promise<Backend> {
  const { root, precision = 'auto', threads, isa, gpu, graphs, cuda } = options
  if (isNumber(gpu)) {
    const opened = await openCuda(root, {
      gpu,
      precision,
      ...(graphs === undefined ? {} : { graphs }),
      ...(cuda === undefined ? {} : { library: cuda }),
    })
    return { name: 'native', device: `GPU ${gpu}`, why, ...opened }
  }
  const opened = await openNative(root, {
    precision,
    ...(threads === undefined ? {} : { threads }),
    ...(isa === undefined ? {} : { isa }),
  })
  return { name: 'native', device: 'CPU', why, ...opened }
}

async function startWasm(options: BackendOptions, why: string): Promise<Backend> {
  if (isNumber(options.gpu)) {
    throw new BackendUnavailable(
      `GPU ${options.gpu} was asked for, but wasm runs on the CPU only`,
      'ask for the backend `tensorflow` (deploy/tensorflow.sh gpu), or leave the GPU out',
    )
  }
  return { name: 'wasm', ...(await openWasm()), why, precision: 'f32' }
}

function checked(backend: Backend): Backend {
  const worst = worstMatmulError()
  const wanted = backend.name === 'native' && backend.device !== 'CPU' ? NATIVE_CUDA : backend.name
  if (tf.getBackend() !== wanted || !(worst <= MATMUL_TOLERANCE)) {
    throw new BackendUnavailable(
      `backend ${backend.name} (${backend.detail}) computes wrongly: a matrix product is off by ${worst}`,
      'install it again, or ask for another backend with --backend',
    )
  }
  return backend
}
