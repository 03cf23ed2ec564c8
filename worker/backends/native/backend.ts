// Backend `native` in tfjs: tensors lie in plain memory of this process, where the library's own JavaScript kernels and our
// compiled ones both reach them. Large arrays are used again instead of being cleared and freed at every pass.
import type { DataId, KernelConfig, TensorInfo } from '@tensorflow/tfjs-core'
import * as tf from '@tensorflow/tfjs-core'
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu'
import type { NativeEngine } from './engine.js'
import { NATIVE } from './name.js'
import { plainKernels } from './plain-kernels.js'

/** Below this many elements the allocator is as fast. */
const WORTH_KEEPING = 1 << 14
/** Free arrays of one size that are kept, at most: a pass of the recursion needs a few of each. */
const KEPT_PER_SIZE = 16

export class NativeBackend extends MathBackendCPU {
  private readonly free = new Map<number, Float32Array[]>()
  /** Arrays made here and never shown outside: only these may be used again. */
  private readonly own = new WeakSet<Float32Array>()

  constructor(readonly engine: NativeEngine) {
    super()
    Reflect.set(this, 'firstUse', false) // its greeting advises another backend
  }

  override floatPrecision(): 32 {
    return 32
  }

  /** An f32 tensor with undefined contents, for a kernel to fill. */
  take(shape: number[]): { info: TensorInfo; values: Float32Array } {
    const size = tf.util.sizeFromShape(shape)
    const values = this.free.get(size)?.pop() ?? new Float32Array(size)
    if (size >= WORTH_KEEPING) this.own.add(values)
    return { info: this.makeTensorInfo(shape, 'float32', values), values }
  }

  /** The tensor's memory, for a kernel: not counted as shown outside. */
  memoryOf({ dataId }: TensorInfo): Float32Array {
    const { values } = this.data.get(dataId) as { values: unknown }
    if (!(values instanceof Float32Array))
      throw new TypeError('a kernel of the native backend works on f32 tensors only')
    return values
  }

  /** From now on somebody outside may hold the tensor's memory, or a view of it. */
  show(dataId: DataId): void {
    const { values } = this.data.get(dataId) as { values: unknown }
    if (values instanceof Float32Array) this.own.delete(values)
  }

  override readSync(dataId: DataId): ReturnType<MathBackendCPU['readSync']> {
    this.show(dataId)
    return super.readSync(dataId)
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.data.has(dataId) ? (this.data.get(dataId) as { values: unknown }) : undefined
    const gone = super.disposeData(dataId, force)
    if (gone && entry?.values instanceof Float32Array && this.own.delete(entry.values)) this.keep(entry.values)
    return gone
  }

  private keep(values: Float32Array): void {
    const same = this.free.get(values.length) ?? []
    if (same.length < KEPT_PER_SIZE) same.push(values)
    this.free.set(values.length, same)
  }
}

/** Kernels of the library whose result is the same memory, counted. */
const COUNTED = ['Identity', 'Reshape']

/** A kernel of the library, which may return views of its inputs. */
const borrowed = (config: KernelConfig): KernelConfig => ({
  ...config,
  backendName: NATIVE,
  kernelFunc: (call) => {
    const native = call.backend as NativeBackend
    for (const input of Object.values(call.inputs).flat()) if (input !== undefined) native.show(input.dataId)
    return config.kernelFunc(call)
  },
})

/** Registers the backend and its kernels for this thread's engine. */
export function registerNative(engine: NativeEngine): void {
  tf.registerBackend(NATIVE, () => new NativeBackend(engine), 0)
  const own = plainKernels((name) => borrowed(tf.getKernel(name, 'cpu')))
  for (const config of tf.getKernelsForBackend('cpu')) {
    if (own.some(({ kernelName }) => kernelName === config.kernelName)) continue
    tf.registerKernel(COUNTED.includes(config.kernelName) ? { ...config, backendName: NATIVE } : borrowed(config))
  }
  own.forEach((config) => tf.registerKernel(config))
}

export const nativeBackend = (): NativeBackend => tf.backend() as NativeBackend
