// Backend `native` in tfjs: tensors lie in plain memory of this process, where the library's own JavaScript kernels and our
// compiled ones both reach them. Large arrays are used again instead of being cleared and freed at every pass.
import type { DataId, KernelConfig, TensorInfo } from '@tensorflow/tfjs-core'
import * as tf from '@tensorflow/tfjs-core'
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu'
import type { NativeEngine } from './engine.js'

export const NATIVE = 'native'
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
    if (!(values instanceof Float32Array)) throw new TypeError('a kernel of the native backend works on f32 tensors only')
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

/** [batch, m, k] x [batch, k, n], f32, either operand stored transposed; one of the batches may be 1. */
const batchMatMul: KernelConfig = {
  kernelName: 'BatchMatMul',
  backendName: NATIVE,
  kernelFunc: ({ inputs, backend, attrs }) => {
    const native = backend as NativeBackend
    const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean }
    const { a, b } = inputs as { a: TensorInfo; b: TensorInfo }
    const [rowsA = 1, columnsA = 1] = a.shape.slice(-2)
    const [rowsB = 1, columnsB = 1] = b.shape.slice(-2)
    const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA]
    const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB]
    const leadA = tf.util.sizeFromShape(a.shape.slice(0, -2))
    const leadB = tf.util.sizeFromShape(b.shape.slice(0, -2))
    if (k !== inner) throw new Error(`a product of (${a.shape.join(', ')}) and (${b.shape.join(', ')}) does not exist`)
    const lead = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    const { info, values } = native.take([...lead, m, n])
    const batch = tf.util.sizeFromShape(lead)
    const { addon, handle } = native.engine
    const [left, right] = [native.memoryOf(a), native.memoryOf(b)]
    const product = (at: number, count: number, bAt: number, sameB: boolean): void =>
      addon.matMul(
        handle,
        left.subarray((leadA === 1 ? 0 : at) * m * k),
        right.subarray(bAt * k * n),
        values.subarray(at * m * n),
        count,
        m,
        k,
        n,
        transposeA,
        transposeB,
        sameB,
      )
    if (leadA === batch && (leadB === batch || leadB === 1)) product(0, batch, 0, leadB === 1 && batch > 1)
    else if (leadA === 1 && leadB === batch) for (let i = 0; i < batch; i++) product(i, 1, i, false)
    else throw new Error(`the native backend does not broadcast (${a.shape.join(', ')}) with (${b.shape.join(', ')})`)
    return info
  },
}

/** Sums of equal shapes go to the engine; all else to the library's kernel. */
function addConfig(fallback: KernelConfig): KernelConfig {
  return {
    kernelName: 'Add',
    backendName: NATIVE,
    kernelFunc: (call) => {
      const native = call.backend as NativeBackend
      const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
      const same = tf.util.arraysEqual(a.shape, b.shape) && a.dtype === 'float32' && b.dtype === 'float32'
      if (!same) return fallback.kernelFunc(call)
      const { info, values } = native.take(a.shape)
      native.engine.addon.add(native.engine.handle, native.memoryOf(a), native.memoryOf(b), values)
      return info
    },
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
  const own = [batchMatMul, addConfig(borrowed(tf.getKernel('Add', 'cpu')))]
  for (const config of tf.getKernelsForBackend('cpu')) {
    if (own.some(({ kernelName }) => kernelName === config.kernelName)) continue
    tf.registerKernel(COUNTED.includes(config.kernelName) ? { ...config, backendName: NATIVE } : borrowed(config))
  }
  own.forEach((config) => tf.registerKernel(config))
}

export const nativeBackend = (): NativeBackend => tf.backend() as NativeBackend
