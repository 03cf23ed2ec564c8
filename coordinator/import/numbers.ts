// Numbers as files of other programs store them, turned into f32. Widening is exact; f64 is rounded to the nearest f32.
import { decodeBf16 } from '../../shared/gradients/bf16.js'

/** Bytes of one element, by the names of safetensors. */
export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const
export type ElementType = keyof typeof ELEMENT_BYTES
export type FloatType = 'F64' | 'F32' | 'F16' | 'BF16'

export const isFloatType = (type: ElementType): type is FloatType =>
  type === 'F64' || type === 'F32' || type === 'F16' || type === 'BF16'

/** @param bytes `into.length` little-endian elements of `type`, at any address */
export function decodeFloats(bytes: Uint8Array, type: FloatType, into: Float32Array): void {
  if (bytes.length !== into.length * ELEMENT_BYTES[type])
    throw new RangeError(`${bytes.length} bytes for ${into.length} elements of ${type}`)
  const at = bytes.byteOffset % ELEMENT_BYTES[type] === 0 ? bytes : bytes.slice()
  if (type === 'F32') into.set(new Float32Array(at.buffer, at.byteOffset, into.length))
  else if (type === 'F64') into.set(new Float64Array(at.buffer, at.byteOffset, into.length))
  else {
    const halves = new Uint16Array(at.buffer, at.byteOffset, into.length)
    if (type === 'BF16') decodeBf16(halves, into)
    else for (let i = 0; i < into.length; i++) into[i] = decodeF16(halves[i] as number)
  }
}

/** IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
function decodeF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
