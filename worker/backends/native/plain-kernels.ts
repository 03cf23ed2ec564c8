// Plain tfjs ops on the native backend where the library's own kernels are too slow: products and sums by the engine, slices,
// gathers and reversals as copies of whole rows. What a kernel does not cover goes to the library's.
import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core'
import { broadcast_util, slice_util, util } from '@tensorflow/tfjs-core'
import type { NativeEngine } from './engine.js'
import { NATIVE } from './name.js'

/** What a kernel needs of the backend. */
export interface Memory {
  readonly engine: NativeEngine
  /** An f32 tensor with undefined contents. */
  take(shape: number[]): { info: TensorInfo; values: Float32Array }
  memoryOf(tensor: TensorInfo): Float32Array
  readSync(dataId: TensorInfo['dataId']): unknown
}

type Call = Parameters<KernelFunc>[0]
const memoryOf = (call: Call): Memory => call.backend as Memory
const named = (kernelName: string, kernelFunc: KernelFunc): KernelConfig => ({ kernelName, backendName: NATIVE, kernelFunc }) // prettier-ignore
const sizeOf = (shape: readonly number[]): number => util.sizeFromShape([...shape])

/** [batch, m, k] x [batch, k, n], f32, either operand stored transposed; one of the batches may be 1. */
const batchMatMul: KernelFunc = (call) => {
  const memory = memoryOf(call)
  const { transposeA, transposeB } = call.attrs as { transposeA: boolean; transposeB: boolean }
  const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
  const [rowsA = 1, columnsA = 1] = a.shape.slice(-2)
  const [rowsB = 1, columnsB = 1] = b.shape.slice(-2)
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA]
  const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB]
  if (k !== inner) throw new Error(`a product of (${a.shape.join(', ')}) and (${b.shape.join(', ')}) does not exist`)
  const [leadA, leadB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)]
  const lead = broadcast_util.assertAndGetBroadcastShape(leadA, leadB)
  const [countA, countB, count] = [sizeOf(leadA), sizeOf(leadB), sizeOf(lead)]
  const { info, values } = memory.take([...lead, m, n])
  const { addon, handle } = memory.engine
  const [left, right] = [memory.memoryOf(a), memory.memoryOf(b)]
  const product = (at: number, times: number, aAt: number, bAt: number, sameB: boolean): void => {
    const [from, by] = [left.subarray(aAt * m * k), right.subarray(bAt * k * n)]
    addon.matMul(handle, from, by, values.subarray(at * m * n), times, m, k, n, transposeA, transposeB, sameB)
  }
  if (countA === count && countB === count) product(0, count, 0, 0, false)
  else if (countA === count && countB === 1) product(0, count, 0, 0, true)
  else if (countA === 1 && countB === count) for (let i = 0; i < count; i++) product(i, 1, 0, i, false)
  else throw new Error(`the native backend does not broadcast (${a.shape.join(', ')}) with (${b.shape.join(', ')})`)
  return info
}

const areFloats = (...tensors: TensorInfo[]): boolean => tensors.every(({ dtype }) => dtype === 'float32')

const add =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
    if (!areFloats(a, b) || !util.arraysEqual(a.shape, b.shape)) return library(call)
    const memory = memoryOf(call)
    const { info, values } = memory.take(a.shape)
    memory.engine.addon.add(memory.engine.handle, memory.memoryOf(a), memory.memoryOf(b), values)
    return info
  }

/** By one number; all else is the library's. */
const multiply =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
    if (!areFloats(a, b) || sizeOf(b.shape) !== 1 || b.shape.length > a.shape.length) return library(call)
    const memory = memoryOf(call)
    const { info, values } = memory.take(a.shape)
    const from = memory.memoryOf(a)
    const factor = memory.memoryOf(b)[0] as number
    for (let i = 0; i < values.length; i++) values[i] = (from[i] as number) * factor
    return info
  }

/** A block of a matrix. */
const slice =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo }
    if (!areFloats(x) || x.shape.length !== 2) return library(call)
    const { begin, size } = call.attrs as { begin: number | number[]; size: number | number[] }
    const [from, shape] = slice_util.parseSliceParams(x, begin, size) as [number[], number[]]
    slice_util.assertParamsValid(x, from, shape)
    const memory = memoryOf(call)
    const { info, values } = memory.take(shape)
    const source = memory.memoryOf(x)
    const [row = 0, column = 0] = from
    const [rows = 0, columns = 0] = shape
    const width = x.shape[1] ?? 0
    for (let r = 0; r < rows; r++) {
      const at = (row + r) * width + column
      values.set(source.subarray(at, at + columns), r * columns)
    }
    return info
  }

/** Rows of a matrix by index. */
const gather =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { x, indices } = call.inputs as { x: TensorInfo; indices: TensorInfo }
    const { axis, batchDims } = call.attrs as { axis: number; batchDims: number }
    if (!areFloats(x) || x.shape.length !== 2 || indices.shape.length !== 1 || axis !== 0 || batchDims !== 0)
      return library(call)
    const memory = memoryOf(call)
    const [rows = 0, width = 0] = x.shape
    const { info, values } = memory.take([indices.shape[0] ?? 0, width])
    const source = memory.memoryOf(x)
    const index = memory.readSync(indices.dataId) as Int32Array
    index.forEach((row, i) => {
      if (row < 0 || row >= rows) throw new RangeError(`row ${row} of a matrix with ${rows}`)
      values.set(source.subarray(row * width, (row + 1) * width), i * width)
    })
    return info
  }

/** Positions of every sample in reverse: (samples, positions, channels). */
const reverse =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo }
    const { dims } = call.attrs as { dims: number | number[] }
    const axes = util.parseAxisParam(dims, x.shape)
    if (!areFloats(x) || x.shape.length !== 3 || axes.length !== 1 || axes[0] !== 1) return library(call)
    const memory = memoryOf(call)
    const { info, values } = memory.take(x.shape)
    const source = memory.memoryOf(x)
    const [, positions = 0, width = 0] = x.shape
    for (let at = 0; at < values.length; at += width) {
      const t = (at / width) % positions
      values.set(source.subarray(at, at + width), at + (positions - 1 - 2 * t) * width)
    }
    return info
  }

/** `library`: the same op as the library computes it, for the calls that these leave to it. */
export function plainKernels(library: (name: string) => KernelConfig): KernelConfig[] {
  const over = (name: string, make: (fallback: KernelFunc) => KernelFunc): KernelConfig =>
    named(name, make(library(name).kernelFunc))
  return [
    named('BatchMatMul', batchMatMul),
    over('Add', add),
    over('Multiply', multiply),
    over('Slice', slice),
    over('GatherV2', gather),
    over('Reverse', reverse),
  ]
}
