// Gradients on the wire: bf16 (the upper half of an f32, rounded to the nearest, ties to even) or f32, little-endian.
// Plain loops over integer views. The wire functions take bytes at any address: a network buffer rarely starts at a
// multiple of four. Every machine this runs on is little-endian, so an f32 buffer already is its own wire form.
import type { ReduceConfig } from '../config/run-config.js'
import { WireError } from '../errors.js'
import { wireBytes } from './buckets.js'

type Wire = ReduceConfig['wire']

/** Elements decoded at a time where wire bytes are added: small enough for the first-level cache. */
const BLOCK = 2048
const block = new Float32Array(BLOCK)

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)
const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

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

/** Elements `first ..` of wire bytes into all of `into`; lengths are checked by the callers. */
function decodeFrom(bytes: Uint8Array, wire: Wire, first: number, into: Float32Array): void {
  if (wire === 'f32') {
    bytesOf(into).set(bytes.subarray(first * 4, (first + into.length) * 4))
    return
  }
  const at = bytes.byteOffset + first * 2
  if (at % 2 === 0) {
    decodeBf16(new Uint16Array(bytes.buffer, at, into.length), into)
    return
  }
  const bits = bitsOf(into)
  for (let i = 0, b = first * 2; i < bits.length; i++, b += 2) bits[i] = (bytes[b]! << 16) | (bytes[b + 1]! << 24)
}

/**
 * @param bytes `into.length` elements of `wire`, at any alignment
 * @throws WireError when the lengths do not fit
 */
export function decodeWire(bytes: Uint8Array, wire: Wire, into: Float32Array): void {
  checkLength(`a ${wire} part`, bytes.length, into.length * wireBytes(wire))
  decodeFrom(bytes, wire, 0, into)
}

/**
 * @param into room for exactly `values.length` elements of `wire`, at any alignment
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
 * into += bytes, each sum rounded to f32, in blocks that stay in the cache.
 * @throws WireError when the lengths do not fit
 */
export function addWire(bytes: Uint8Array, wire: Wire, into: Float32Array): void {
  checkLength(`a ${wire} part`, bytes.length, into.length * wireBytes(wire))
  for (let from = 0; from < into.length; from += BLOCK) {
    const n = Math.min(BLOCK, into.length - from)
    decodeFrom(bytes, wire, from, n === BLOCK ? block : block.subarray(0, n))
    for (let i = 0; i < n; i++) into[from + i] = into[from + i]! + block[i]!
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
