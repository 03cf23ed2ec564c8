// The engine on a GPU as TypeScript sees it: one function per call of kernels/addon.cu, on arrays that lie on the device.
import { createRequire } from 'node:module'

declare const deviceHandle: unique symbol
declare const arrayHandle: unique symbol
declare const networkHandle: unique symbol
declare const recordingHandle: unique symbol
export type DeviceHandle = object & { readonly [deviceHandle]: true }
/** f32 elements on the device. */
export type DeviceArray = object & { readonly [arrayHandle]: true }
/** Work that was recorded, with the memory it uses. */
export type CudaRecording = object & { readonly [recordingHandle]: true }
export type CudaNetwork = object & { readonly [networkHandle]: true }

/** Hidden, heads, positions (0 without an MLP mixer), layers, mixer (0 MLP, 1 attention, 2 none), inner (0: none), mixerInner, eps, normed. */
export type CudaShape = readonly [number, number, number, number, number, number, number, number, number]

type Tables = DeviceArray | null

/** Every function throws an Error on a length that does not fit. The host waits in read, losses, wait, leaveHalves and the updates of its own arrays only. */
export interface CudaAddon {
  /** `products`: path of cuBLASLt. */
  createEngine(gpu: number, bf16: boolean, products: string): DeviceHandle
  /** The card, and the library of the products. */
  describe(device: DeviceHandle): [card: string, products: string]
  /** Bytes. */
  mostUsed(device: DeviceHandle): number
  /** Undefined contents. */
  allocate(device: DeviceHandle, floats: number): DeviceArray
  release(device: DeviceHandle, array: DeviceArray): void
  write(device: DeviceHandle, array: DeviceArray, values: Float32Array): void
  read(device: DeviceHandle, array: DeviceArray, values: Float32Array): void
  clear(device: DeviceHandle, array: DeviceArray): void
  /** Copies to and from these values are faster from now on; they must live as long as the process. False: the system refuses. */
  pin(device: DeviceHandle, values: Float32Array): boolean
  reserve(device: DeviceHandle, shape: CudaShape): CudaNetwork
  pack(device: DeviceHandle, network: CudaNetwork, weights: readonly DeviceArray[]): void
  savedFloats(device: DeviceHandle, network: CudaNetwork, batch: number, positions: number): number
  forward(
    device: DeviceHandle,
    network: CudaNetwork,
    h: DeviceArray,
    injection: DeviceArray | null,
    batch: number,
    positions: number,
    cos: Tables,
    sin: Tables,
    y: DeviceArray,
    saved: DeviceArray | null,
  ): void
  backward(
    device: DeviceHandle,
    network: CudaNetwork,
    saved: DeviceArray,
    dy: DeviceArray,
    batch: number,
    positions: number,
    cos: Tables,
    sin: Tables,
    dh: DeviceArray,
    gradients: readonly DeviceArray[],
  ): void
  /** c <- a b for every batch; a flag: stored transposed; sameB: one b for all. f32. */
  matMul(
    device: DeviceHandle,
    a: DeviceArray,
    b: DeviceArray,
    c: DeviceArray,
    batch: number,
    m: number,
    k: number,
    n: number,
    flipA: boolean,
    flipB: boolean,
    sameB: boolean,
  ): void
  /** An op of kernels/sub-layers.h: arrays read, filled and added to, and its numbers. */
  subLayer(device: DeviceHandle, op: string, arrays: readonly DeviceArray[], numbers: readonly number[]): void
  add(device: DeviceHandle, a: DeviceArray, b: DeviceArray, out: DeviceArray): void
  scale(device: DeviceHandle, a: DeviceArray, factor: number, out: DeviceArray): void
  /** A block of a matrix; strides from row to row. */
  move(
    device: DeviceHandle,
    from: DeviceArray,
    fromAt: number,
    fromStride: number,
    to: DeviceArray,
    toAt: number,
    toStride: number,
    rows: number,
    columns: number,
  ): void
  /** out (count, width) <- rows of the table. */
  gather(
    device: DeviceHandle,
    table: DeviceArray,
    index: Int32Array,
    count: number,
    out: DeviceArray,
    width: number,
  ): void
  /** out (vocab, width) <- sums of the rows of dy (count, width) by token. */
  gradTable(
    device: DeviceHandle,
    dy: DeviceArray,
    tokens: Int32Array,
    count: number,
    out: DeviceArray,
    vocab: number,
    width: number,
  ): void
  /** Shape: rows, positions, first cell, vocab, ignored label, weight, biases of q_halt and q_continue. facts: (rows, 3). */
  losses(
    device: DeviceHandle,
    out: DeviceArray,
    labels: Int32Array,
    targets: Float64Array | null,
    shape: readonly [number, number, number, number, number, number, number, number],
    facts: Float64Array,
    dOut: DeviceArray,
  ): void
  /** Arrays of the host. Factors as in worker/ops/update.ts. */
  adamAtan2(
    device: DeviceHandle,
    p: Float32Array,
    m: Float32Array,
    v: Float32Array,
    g: Float32Array,
    factors: readonly [number, number, number, number, number],
  ): void
  /** Arrays of the device, updated in place: AdamATan2, then the average of the parameters, unless shadow is null. */
  update(
    device: DeviceHandle,
    p: DeviceArray,
    m: DeviceArray,
    v: DeviceArray,
    g: DeviceArray,
    shadow: DeviceArray | null,
    factors: readonly [number, number, number, number, number],
    rate: number,
  ): void
  /** halves (count) <- every array from its offset on, as bf16, zeros elsewhere. False: not all are finite numbers. */
  leaveHalves(
    device: DeviceHandle,
    arrays: readonly DeviceArray[],
    offsets: readonly number[],
    halves: Uint16Array,
    count: number,
  ): boolean
  average(device: DeviceHandle, shadow: Float32Array, p: Float32Array, rate: number): void
  /** From now on work is recorded, not done; what reads or writes from the host throws. */
  startRecording(device: DeviceHandle): void
  finishRecording(device: DeviceHandle): CudaRecording
  abandonRecording(device: DeviceHandle): void
  replay(device: DeviceHandle, recording: CudaRecording): void
  dropRecording(device: DeviceHandle, recording: CudaRecording): void
  /** Grows when the engine's own memory moved: recordings from before must not be played. */
  moves(device: DeviceHandle): number
  /** GFLOP/s of a large product in the engine's numbers. */
  peak(device: DeviceHandle, seconds: number): number
  wait(device: DeviceHandle): void
}

export interface CudaEngine {
  readonly addon: CudaAddon
  readonly device: DeviceHandle
}

/** @throws Error in words of the library: no driver, no such GPU, no cuBLASLt */
export function startCudaEngine(library: string, gpu: number, bf16: boolean, products: string): CudaEngine {
  const addon = createRequire(import.meta.url)(library) as CudaAddon
  return { addon, device: addon.createEngine(gpu, bf16, products) }
}
