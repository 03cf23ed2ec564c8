// The compiled engine as TypeScript sees it: one function per call of kernels/addon.cpp. Arrays are handed over in place.
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { BackendUnavailable, describe } from '../../../shared/errors.js'
import type { NativeLibrary } from './library.js'

declare const engineHandle: unique symbol
declare const networkHandle: unique symbol
export type EngineHandle = object & { readonly [engineHandle]: true }
export type NetworkHandle = object & { readonly [networkHandle]: true }

/**
 * Sizes of the network in the order of `reserve`: hidden, heads, positions (0 with attention, which takes them with every
 * pass), layers, attention, inner, mixerInner, eps.
 */
export type ShapeNumbers = readonly [number, number, number, number, number, number, number, number]

/** Every function throws an Error on a length that does not fit. */
export interface Addon {
  createEngine(threads: number, bf16: boolean): EngineHandle
  /** @param normed a norm inside SwiGLU */
  reserve(engine: EngineHandle, shape: ShapeNumbers, normed: boolean): NetworkHandle
  pack(engine: EngineHandle, network: NetworkHandle, weights: readonly Float32Array[]): void
  /** f32 elements that a pass over `batch` samples keeps for backward. */
  savedFloats(engine: EngineHandle, network: NetworkHandle, batch: number, positions: number): number
  /** cos, sin: of all positions, or of those of every sample; null: no rotation. */
  forward(
    engine: EngineHandle,
    network: NetworkHandle,
    h: Float32Array,
    injection: Float32Array,
    batch: number,
    positions: number,
    cos: Float32Array | null,
    sin: Float32Array | null,
    y: Float32Array,
    saved: Float32Array | null,
  ): void
  backward(
    engine: EngineHandle,
    network: NetworkHandle,
    saved: Float32Array,
    dy: Float32Array,
    batch: number,
    positions: number,
    cos: Float32Array | null,
    sin: Float32Array | null,
    dh: Float32Array,
    gradients: readonly Float32Array[],
  ): void
  /** c <- a b for every batch; a flag: stored transposed; sameB: one b for all. */
  matMul(
    engine: EngineHandle,
    a: Float32Array,
    b: Float32Array,
    c: Float32Array,
    batch: number,
    m: number,
    k: number,
    n: number,
    flipA: boolean,
    flipB: boolean,
    sameB: boolean,
  ): void
  add(engine: EngineHandle, a: Float32Array, b: Float32Array, out: Float32Array): void
  /** Factors: 1 - lr wd, lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), 1 - beta1, 1 - beta2. */
  adamAtan2(
    engine: EngineHandle,
    p: Float32Array,
    m: Float32Array,
    v: Float32Array,
    g: Float32Array,
    factors: readonly [number, number, number, number, number],
  ): void
  /** x (rows, columns), in place. */
  orthogonalise(engine: EngineHandle, x: Float32Array, rows: number, columns: number): void
  average(engine: EngineHandle, shadow: Float32Array, p: Float32Array, rate: number): void
  /** An op of kernels/row-ops.h by its number in enum RowOp: arrays read, filled and added to, and its numbers. */
  rowOp(engine: EngineHandle, op: number, arrays: readonly Float32Array[], numbers: readonly number[]): void
  /** GFLOP/s of the inner product on operands in the nearest cache, all threads. */
  peak(engine: EngineHandle, seconds: number): number
}

export interface NativeEngine {
  readonly addon: Addon
  readonly handle: EngineHandle
  readonly threads: number
  readonly precision: 'f32' | 'bf16'
}

/**
 * Loads the library and starts its threads.
 * @throws BackendUnavailable if it does not load, or the system withholds what it needs
 */
export function startEngine(
  { path, isa }: NativeLibrary,
  precision: 'auto' | 'f32' | 'bf16',
  threads = availableParallelism(),
): NativeEngine {
  const chosen = precision === 'auto' ? (isa.bf16 ? 'bf16' : 'f32') : precision
  try {
    const addon = createRequire(import.meta.url)(path) as Addon
    return { addon, handle: addon.createEngine(threads, chosen === 'bf16'), threads, precision: chosen }
  } catch (error) {
    throw new BackendUnavailable(
      `the native engine for ${isa.name} does not start: ${describe(error)}`,
      'set TRMESH_ISA to a lower instruction set, or use --backend wasm',
      { cause: error },
    )
  }
}
