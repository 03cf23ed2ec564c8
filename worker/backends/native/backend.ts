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
/** Bytes that are kept, at most, as a multiple of the most that were ever in use: where samples differ in length, sizes come and go. */
const KEPT_SHARE = 1.5

export class NativeBackend extends MathBackendCPU {
  private readonly free = new Map<number, Float32Array[]>()
  /** Arrays made here and never shown outside: only these may be used again. */
  private readonly own = new WeakSet<Float32Array>()
  /** f32 elements of arrays made here: in use, the most that ever were, and kept. */
  readonly elements = { used: 0, most: 0, kept: 0 }

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
    const again = this.free.get(size)?.pop()
    if (again !== undefined) this.elements.kept -= size
    const values = again ?? new Float32Array(size)
    if (size >= WORTH_KEEPING) {
      this.own.add(values)
      this.elements.used += size
      this.elements.most = Math.max(this.elements.most, this.elements.used)
    }
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
    if (values instanceof Float32Array) this.disown(values)
  }

  override readSync(dataId: DataId): ReturnType<MathBackendCPU['readSync']> {
    this.show(dataId)
    return super.readSync(dataId)
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.data.has(dataId) ? (this.data.get(dataId) as { values: unknown }) : undefined
    const gone = super.disposeData(dataId, force)
    if (gone && entry?.values instanceof Float32Array && this.disown(entry.values)) this.keep(entry.values)
    return gone
  }

  /** True if the array was made here and never shown. */
  private disown(values: Float32Array): boolean {
    if (!this.own.delete(values)) return false
    this.elements.used -= values.length
    return true
  }

  private keep(values: Float32Array): void {
    const { elements, free } = this
    const same = free.get(values.length) ?? []
    if (same.length >= KEPT_PER_SIZE) return
    same.push(values)
    elements.kept += values.length
    free.delete(values.length)
    free.set(values.length, same) // the last is the most recently used
    for (const [size, arrays] of free) {
      if (elements.kept <= KEPT_SHARE * elements.most || arrays === same) return
      free.delete(size)
      elements.kept -= size * arrays.length
    }
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
