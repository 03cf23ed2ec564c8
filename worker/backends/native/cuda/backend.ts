// The native engine on a GPU in tfjs: tensors lie on the device, come to the host when somebody reads them, and go there when a
// kernel of ours wants them. What our kernels do not cover the library computes on the host.
import type { DataId, KernelConfig, TensorInfo } from '@tensorflow/tfjs-core'
import * as tf from '@tensorflow/tfjs-core'
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu'
import type { CudaEngine, DeviceArray } from './addon.js'
import { NATIVE_CUDA } from './name.js'
import { deviceKernels } from './plain-kernels.js'

/** What the library keeps of a tensor. */
interface Entry {
  values: unknown
  readonly dtype: string
}

export class CudaBackend extends MathBackendCPU {
  private readonly arrays = new Map<DataId, { readonly array: DeviceArray; readonly length: number }>()

  /** Elements of the largest tensor that each op of the library had fetched from the device: none may be of a batch's states. */
  readonly fetched = new Map<string, number>()

  /** @param records whether the recursion may become a graph of the GPU */
  constructor(
    readonly engine: CudaEngine,
    readonly records = true,
  ) {
    super()
    Reflect.set(this, 'firstUse', false) // its greeting advises another backend
  }

  override floatPrecision(): 32 {
    return 32
  }

  /** An f32 tensor with undefined contents on the device, for a kernel to fill. */
  take(shape: number[]): { info: TensorInfo; array: DeviceArray } {
    const length = tf.util.sizeFromShape(shape)
    const array = this.engine.addon.allocate(this.engine.device, length)
    const info = this.makeTensorInfo(shape, 'float32', new Float32Array(0))
    this.entry(info.dataId).values = undefined
    this.arrays.set(info.dataId, { array, length })
    return { info, array }
  }

  /** The tensor on the device, brought there if it is not. */
  arrayOf({ dataId, shape }: TensorInfo): DeviceArray {
    const known = this.arrays.get(dataId)
    if (known !== undefined) return known.array
    const { values } = this.entry(dataId)
    if (!(values instanceof Float32Array))
      throw new TypeError('a kernel of the native backend works on f32 tensors only')
    const length = tf.util.sizeFromShape(shape)
    const array = this.engine.addon.allocate(this.engine.device, length)
    this.arrays.set(dataId, { array, length })
    try {
      this.engine.addon.write(this.engine.device, array, values)
    } catch (error) {
      // Nothing may be written while work is recorded; the array must not outlast the attempt.
      this.arrays.delete(dataId)
      this.engine.addon.release(this.engine.device, array)
      throw error
    }
    return array
  }

  /** True where the tensor has left the host, or where a kernel of ours would have it on the device anyway. */
  isThere(...tensors: TensorInfo[]): boolean {
    return tensors.some(({ dataId }) => this.arrays.has(dataId))
  }

  /** From now on the host has the values too. False: it had them. */
  bring(dataId: DataId): boolean {
    const known = this.arrays.get(dataId)
    const entry = this.entry(dataId)
    if (known === undefined || entry.values !== undefined) return false
    const values = new Float32Array(known.length)
    this.engine.addon.read(this.engine.device, known.array, values)
    entry.values = values
    return true
  }

  /** The device's copy was changed in place: the host's is old. */
  changed({ dataId }: TensorInfo): void {
    this.entry(dataId).values = undefined
  }

  override readSync(dataId: DataId): ReturnType<MathBackendCPU['readSync']> {
    this.bring(dataId)
    return super.readSync(dataId)
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const known = this.arrays.get(dataId)
    const gone = super.disposeData(dataId, force)
    if (gone && known !== undefined) {
      this.arrays.delete(dataId)
      this.engine.addon.release(this.engine.device, known.array)
    }
    return gone
  }

  private entry(dataId: DataId): Entry {
    return this.data.get(dataId) as unknown as Entry
  }
}

/** Kernels of the library whose result is the same memory, counted. */
const COUNTED = ['Identity', 'Reshape']

/** A kernel of the library, on the host. */
const onHost = (config: KernelConfig): KernelConfig => ({
  ...config,
  backendName: NATIVE_CUDA,
  kernelFunc: (call) => {
    const backend = call.backend as CudaBackend
    for (const input of Object.values(call.inputs).flat())
      if (input !== undefined && backend.bring(input.dataId)) {
        const size = tf.util.sizeFromShape(input.shape)
        backend.fetched.set(config.kernelName, Math.max(size, backend.fetched.get(config.kernelName) ?? 0))
      }
    return config.kernelFunc(call)
  },
})

/** Registers the backend and its kernels for this thread's engine. */
export function registerCuda(engine: CudaEngine, records: boolean): void {
  tf.registerBackend(NATIVE_CUDA, () => new CudaBackend(engine, records), 0)
  const own = deviceKernels((name) => onHost(tf.getKernel(name, 'cpu')))
  for (const config of tf.getKernelsForBackend('cpu')) {
    if (own.some(({ kernelName }) => kernelName === config.kernelName)) continue
    tf.registerKernel(COUNTED.includes(config.kernelName) ? { ...config, backendName: NATIVE_CUDA } : onHost(config))
  }
  own.forEach((config) => tf.registerKernel(config))
}

export const cudaBackend = (): CudaBackend => tf.backend() as CudaBackend
