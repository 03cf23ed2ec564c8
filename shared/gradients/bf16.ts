// Gradients on the wire: bf16 (the upper half of an f32, rounded to the nearest, ties to even), f32, little-endian, or int8.ts.
// The wire functions take bytes at any address: a network buffer rarely starts at an even one. The loops are in kernels.ts.
// Every machine this runs on is little-endian: an f32 buffer is its own wire form.
import { bytesOf } from '../bytes.js'
import type { ReduceConfig } from '../config/run-config.js'
import { WireError } from '../errors.js'
import { wireLength } from './buckets.js'
import { addInt8, decodeInt8, encodeInt8 } from './int8.js'
import { addBytes, decodeHalves, encodeHalves } from './kernels.js'

type Wire = ReduceConfig['wire']

function checkLength(what: string, got: number, want: number): void {
  if (got !== want) {
    throw new WireError(
      `${what} has ${got} bytes where ${want} were due`,
      'start every process from the same version and run',
    )
  }
}

/** Rounds to the nearest, ties to even. NaN stays NaN (made quiet), infinities and signed zeros stay. Equal lengths. */
export function encodeBf16(from: Float32Array, into: Uint16Array): void {
  checkLength('a bf16 buffer', into.byteLength, from.length * 2)
  encodeHalves(from, bytesOf(into))
}

/** Exact. Equal lengths. */
export function decodeBf16(from: Uint16Array, into: Float32Array): void {
  checkLength('a bf16 buffer', from.byteLength, into.length * 2)
  decodeHalves(bytesOf(from), into)
}

/**
 * @param bytes `into.length` elements of `wire`, at any address
 * @throws WireError when the lengths do not fit
 */
export function decodeWire(bytes: Uint8Array, wire: Wire, into: Float32Array): void {
  checkLength(`a ${wire} part`, bytes.length, wireLength(into.length, wire))
  if (wire === 'f32') bytesOf(into).set(bytes)
  else if (wire === 'int8') decodeInt8(bytes, into)
  else decodeHalves(bytes, into)
}

/**
 * @param into room for exactly `values.length` elements of `wire`, at any address
 * @throws WireError when the lengths do not fit
 */
export function encodeWire(values: Float32Array, wire: Wire, into: Uint8Array): void {
  checkLength(`a ${wire} part`, into.length, wireLength(values.length, wire))
  if (wire === 'f32') into.set(bytesOf(values))
  else if (wire === 'int8') encodeInt8(values, into)
  else encodeHalves(values, into)
}

/**
 * into += bytes, each sum rounded to f32.
 * @param bytes `into.length` elements of `wire`, at any address
 * @throws WireError when the lengths do not fit
 */
export function addWire(bytes: Uint8Array, wire: Wire, into: Float32Array): void {
  checkLength(`a ${wire} part`, bytes.length, wireLength(into.length, wire))
  if (wire === 'int8') addInt8(bytes, into)
  else addBytes(bytes, wire === 'f32' ? 4 : 2, into)
}

/** The values as they arrive on the other side, in place: what the sender must add for its own part. */
export function roundToWire(values: Float32Array, wire: Wire): void {
  if (wire === 'f32') return
  if (wire === 'int8') {
    const bytes = new Uint8Array(wireLength(values.length, wire))
    encodeInt8(values, bytes)
    return decodeInt8(bytes, values)
  }
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]!
    bits[i] = (b & 0x7fffffff) > 0x7f800000 ? (b & 0xffff0000) | 0x400000 : (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000
  }
}
