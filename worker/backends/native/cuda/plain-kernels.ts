// Plain tfjs ops on the device: products, sums of equal shapes, one number times all, blocks of matrices, rows by index, positions in
// reverse. What a kernel does not cover the library computes on the host.
import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core'
import { slice_util, util } from '@tensorflow/tfjs-core'
import type { CudaEngine, DeviceArray } from './addon.js'
import { NATIVE_CUDA } from './name.js'

/** What a kernel needs of the backend. */
export interface DeviceMemory {
  readonly engine: CudaEngine
  /** An f32 tensor with undefined contents. */
  take(shape: number[]): { info: TensorInfo; array: DeviceArray }
  arrayOf(tensor: TensorInfo): DeviceArray
  isThere(...tensors: TensorInfo[]): boolean
  readSync(dataId: TensorInfo['dataId']): unknown
}

type Call = Parameters<KernelFunc>[0]
const memoryOf = (call: Call): DeviceMemory => call.backend as DeviceMemory
const sizeOf = (shape: readonly number[]): number => util.sizeFromShape([...shape])
const areFloats = (...tensors: TensorInfo[]): boolean => tensors.every(({ dtype }) => dtype === 'float32')

/** [batch, m, k] x [batch, k, n], either operand stored transposed; b may be one for all. */
const batchMatMul =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const memory = memoryOf(call)
    const { transposeA, transposeB } = call.attrs as { transposeA: boolean; transposeB: boolean }
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
    const [rowsA = 1, columnsA = 1] = a.shape.slice(-2)
    const [rowsB = 1, columnsB = 1] = b.shape.slice(-2)
    const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA]
    const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB]
    if (k !== inner) throw new Error(`a product of (${a.shape.join(', ')}) and (${b.shape.join(', ')}) does not exist`)
    const lead = a.shape.slice(0, -2)
    const [countA, countB] = [sizeOf(lead), sizeOf(b.shape.slice(0, -2))]
    if (countB !== countA && countB !== 1) return library(call)
    const { addon, device } = memory.engine
    const { info, array } = memory.take([...lead, m, n])
    const [left, right] = [memory.arrayOf(a), memory.arrayOf(b)]
    addon.matMul(device, left, right, array, countA, m, k, n, transposeA, transposeB, countB === 1)
    return info
  }

const add =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
    const memory = memoryOf(call)
    if (!areFloats(a, b) || !util.arraysEqual(a.shape, b.shape) || !memory.isThere(a, b)) return library(call)
    const { info, array } = memory.take(a.shape)
    memory.engine.addon.add(memory.engine.device, memory.arrayOf(a), memory.arrayOf(b), array)
    return info
  }

/** By one number; all else is the library's. */
const multiply =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
    const memory = memoryOf(call)
    const byOne = sizeOf(b.shape) === 1 && b.shape.length <= a.shape.length
    if (!areFloats(a, b) || !byOne || !memory.isThere(a) || memory.isThere(b)) return library(call)
    const factor = (memory.readSync(b.dataId) as Float32Array)[0] as number
    const { info, array } = memory.take(a.shape)
    memory.engine.addon.scale(memory.engine.device, memory.arrayOf(a), factor, array)
    return info
  }

/** A block of a matrix. */
const slice =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo }
    const memory = memoryOf(call)
    if (!areFloats(x) || x.shape.length !== 2 || !memory.isThere(x)) return library(call)
    const { begin, size } = call.attrs as { begin: number | number[]; size: number | number[] }
    const [from, shape] = slice_util.parseSliceParams(x, begin, size) as [number[], number[]]
    slice_util.assertParamsValid(x, from, shape)
    const [row = 0, column = 0] = from
    const [rows = 0, columns = 0] = shape
    const width = x.shape[1] ?? 0
    const { info, array } = memory.take(shape)
    const { addon, device } = memory.engine
    addon.move(device, memory.arrayOf(x), row * width + column, width, array, 0, columns, rows, columns)
    return info
  }

/** Matrices under or beside each other. */
const concat =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const inputs = Object.values(call.inputs).flat() as TensorInfo[]
    const { axis } = call.attrs as { axis: number }
    const memory = memoryOf(call)
    const matrices = inputs.every(({ shape }) => shape.length === 2)
    if (!areFloats(...inputs) || !matrices || !memory.isThere(...inputs)) return library(call)
    const along = util.parseAxisParam(axis, [1, 1])[0] === 0 ? 0 : 1
    const total = inputs.reduce((sum, { shape }) => sum + (shape[along] ?? 0), 0)
    const [first] = inputs
    const across = first?.shape[1 - along] ?? 0
    if (inputs.some(({ shape }) => shape[1 - along] !== across))
      throw new Error('matrices of different sizes do not lie side by side')
    const { info, array } = memory.take(along === 0 ? [total, across] : [across, total])
    const { addon, device } = memory.engine
    let at = 0
    for (const input of inputs) {
      const [rows = 0, columns = 0] = input.shape
      const to = along === 0 ? at * across : at
      const stride = along === 0 ? across : total
      addon.move(device, memory.arrayOf(input), 0, columns, array, to, stride, rows, columns)
      at += input.shape[along] ?? 0
    }
    return info
  }

/** Rows of a matrix by index. */
const gather =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { x, indices } = call.inputs as { x: TensorInfo; indices: TensorInfo }
    const { axis, batchDims } = call.attrs as { axis: number; batchDims: number }
    const memory = memoryOf(call)
    if (!areFloats(x) || x.shape.length !== 2 || indices.shape.length !== 1 || axis !== 0 || batchDims !== 0)
      return library(call)
    const width = x.shape[1] ?? 0
    const count = indices.shape[0] ?? 0
    const { info, array } = memory.take([count, width])
    const { addon, device } = memory.engine
    const index = memory.readSync(indices.dataId) as Int32Array
    addon.gather(device, memory.arrayOf(x), index, count, array, width)
    return info
  }

/** Positions of every sample in reverse. */
const reverse =
  (library: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo }
    const { dims } = call.attrs as { dims: number | number[] }
    const memory = memoryOf(call)
    const axes = util.parseAxisParam(dims, x.shape)
    if (!areFloats(x) || x.shape.length !== 3 || axes.length !== 1 || axes[0] !== 1 || !memory.isThere(x))
      return library(call)
    const [batch = 0, positions = 0, columns = 0] = x.shape
    const { info, array } = memory.take(x.shape)
    const { addon, device } = memory.engine
    addon.subLayer(device, 'reverse', [memory.arrayOf(x), array], [batch * positions, positions, columns])
    return info
  }

/** `library`: the same op as the library computes it on the host, for the calls that these leave to it. */
export function deviceKernels(library: (name: string) => KernelConfig): KernelConfig[] {
  const over = (kernelName: string, make: (fallback: KernelFunc) => KernelFunc): KernelConfig => ({
    kernelName,
    backendName: NATIVE_CUDA,
    kernelFunc: make(library(kernelName).kernelFunc),
  })
  return [
    over('BatchMatMul', batchMatMul),
    over('Add', add),
    over('Multiply', multiply),
    over('Slice', slice),
    over('Concat', concat),
    over('GatherV2', gather),
    over('Reverse', reverse),
  ]
}
