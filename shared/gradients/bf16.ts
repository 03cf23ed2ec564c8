// Gradients on the wire: bf16 (the upper half of an f32, rounded to the nearest, ties to even) or f32, little-endian.
// Plain loops over integer views (signed, because the engine keeps those in registers). The wire functions take bytes at
// any address: a network buffer rarely starts at an even one; those bytes are moved to an aligned copy first, which is
// faster than reading them one by one. Every machine this runs on is little-endian: an f32 buffer is its own wire form.
import type { ReduceConfig } from '../config/run-config.js'
import { WireError } from '../errors.js'
import { wireBytes } from './buckets.js'

type Wire = ReduceConfig['wire']

const bitsOf = (values: Float32Array): Int32Array => new Int32Array(values.buffer, values.byteOffset, values.length)
const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** One number, as bits and as value. */
const one = new Float32Array(1)
const oneBits = bitsOf(one)

/** The same bytes at an address that is a multiple of `size`. */
const aligned = (bytes: Uint8Array, size: number): Uint8Array =>
  bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)

const halvesOf = (bytes: Uint8Array): Uint16Array => {
  const at = aligned(bytes, 2)
  return new Uint16Array(at.buffer, at.byteOffset, bytes.length / 2)
}

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
  const bits = bitsOf(from)
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]!
    // A NaN whose payload lies in the lower half would round to infinity; set the quiet bit instead.
    into[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
}

/** Exact. Equal lengths. */
export function decodeBf16(from: Uint16Array, into: Float32Array): void {
  checkLength('a bf16 buffer', from.byteLength, into.length * 2)
  const bits = bitsOf(into)
  for (let i = 0; i < bits.length; i++) bits[i] = from[i]! << 16
}

/**
 * @param bytes `into.length` elements of `wire`, at any address
 * @throws WireError when the lengths do not fit
 */
export function decodeWire(bytes: Uint8Array, wire: Wire, into: Float32Array): void {
  checkLength(`a ${wire} part`, bytes.length, into.length * wireBytes(wire))
  if (wire === 'f32') bytesOf(into).set(bytes)
  else decodeBf16(halvesOf(bytes), into)
}

/**
 * @param into room for exactly `values.length` elements of `wire`, at any address
 * @throws WireError when the lengths do not fit
 */
export function encodeWire(values: Float32Array, wire: Wire, into: Uint8Array): void {
  checkLength(`a ${wire} part`, into.length, values.length * wireBytes(wire))
  if (wire === 'f32') {
    into.set(bytesOf(values))
  } else if (into.byteOffset % 2 === 0) {
    encodeBf16(values, new Uint16Array(into.buffer, into.byteOffset, values.length))
  } else {
    const rounded = new Uint16Array(values.length)
    encodeBf16(values, rounded)
    into.set(new Uint8Array(rounded.buffer))
  }
}

/**
 * into += bytes, each sum rounded to f32.
 * @param bytes `into.length` elements of `wire`, at any address
 * @throws WireError when the lengths do not fit
 */
export function addWire(bytes: Uint8Array, wire: Wire, into: Float32Array): void {
  checkLength(`a ${wire} part`, bytes.length, into.length * wireBytes(wire))
  if (wire === 'f32') {
    const at = aligned(bytes, 4)
    const from = new Float32Array(at.buffer, at.byteOffset, into.length)
    for (let i = 0; i < into.length; i++) into[i] = into[i]! + from[i]!
  } else {
    const from = halvesOf(bytes)
    for (let i = 0; i < into.length; i++) {
      oneBits[0] = from[i]! << 16
      into[i] = into[i]! + one[0]!
    }
  }
}

/** The values as they arrive on the other side, in place: what the sender must add for its own part. */
export function roundToWire(values: Float32Array, wire: Wire): void {
  if (wire === 'f32') return
  const bits = bitsOf(values)
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]!
    bits[i] = (b & 0x7fffffff) > 0x7f800000 ? (b & 0xffff0000) | 0x400000 : (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000
  }
}
