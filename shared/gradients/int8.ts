// Gradients as blocks of 256 signed bytes and one f32 scale each (little-endian: the scale, then the bytes; the last block of
// a bucket may be short): 1.016 bytes a number where bf16 takes 2. A number is byte * scale, scale the block's largest
// magnitude / 127, so no number is off by more than half a scale. A block that holds NaN or an infinity has NaN for its
// scale and arrives as NaN throughout: whoever checks the mean sees it. Same bits on every machine: only
// divisions and products that IEEE 754 defines. What rounding takes away is kept by feedback.ts.

/** Numbers that share a scale. */
export const BLOCK = 256
const SCALE_BYTES = 4
/** Bytes of a whole block. */
export const BLOCK_BYTES = SCALE_BYTES + BLOCK
const MOST = 127
/** Adding and subtracting it rounds an f64 below 2^51 to a whole number, ties to even. */
const ROUNDER = 1.5 * 2 ** 52

export const int8Length = (elements: number): number => elements + SCALE_BYTES * Math.ceil(elements / BLOCK)

const scaleBits = new DataView(new ArrayBuffer(SCALE_BYTES))

/** The scale of numbers whose largest magnitude is `most`; NaN for what is not finite. */
function scaleOf(most: number): number {
  if (!Number.isFinite(most)) return NaN
  const scale = Math.fround(most / MOST)
  // Rounded up, it could carry the largest numbers of f32 to infinity.
  return Math.fround(scale * MOST) === Infinity ? Math.fround(scale * (1 - 2 ** -23)) : scale
}

/**
 * Encodes value + carried, block by block.
 * @param into int8Length(values.length) bytes, at any address
 * @param carried what earlier rounding took away, or nothing
 * @param lost takes what this rounding takes away: (value + carried) - what arrives; 0 where nothing finite does. Not `carried` itself
 */
export function encodeInt8(values: Float32Array, into: Uint8Array, carried?: Float32Array, lost?: Float32Array): void {
  const sums = new Float32Array(BLOCK)
  for (let from = 0, at = 0; from < values.length; from += BLOCK) {
    const count = Math.min(BLOCK, values.length - from)
    let most = 0
    for (let i = 0; i < count; i++) {
      const sum = Math.fround(values[from + i]! + (carried === undefined ? 0 : carried[from + i]!))
      sums[i] = sum
      const size = Math.abs(sum)
      // Written so that NaN counts as more, and stays.
      if (!(size <= most)) most = size
      if (most !== most) break
    }
    const scale = scaleOf(most)
    scaleBits.setFloat32(0, scale, true)
    for (let i = 0; i < SCALE_BYTES; i++) into[at++] = scaleBits.getUint8(i)
    if (!(scale > 0)) {
      // All zeros, too small for a scale, or not finite.
      into.fill(0, at, at + count)
      if (lost !== undefined) for (let i = 0; i < count; i++) lost[from + i] = scale === 0 ? sums[i]! : 0
    } else {
      const inverse = 1 / scale
      for (let i = 0; i < count; i++) {
        const near = sums[i]! * inverse + ROUNDER - ROUNDER
        const byte = near > MOST ? MOST : near < -MOST ? -MOST : near
        into[at + i] = byte
        if (lost !== undefined) lost[from + i] = sums[i]! - Math.fround(byte * scale)
      }
    }
    at += count
  }
}

/** Calls `each` for the place of every block's first byte, its scale and its range of numbers. */
function eachBlock(
  bytes: Uint8Array,
  elements: number,
  each: (at: number, scale: number, from: number, to: number) => void,
): void {
  // prettier-ignore
  for (let from = 0, at = 0; from < elements; from += BLOCK) {
    const to = Math.min(from + BLOCK, elements)
    for (let i = 0; i < SCALE_BYTES; i++) scaleBits.setUint8(i, bytes[at + i]!)
    each(at + SCALE_BYTES, scaleBits.getFloat32(0, true), from, to)
    at += SCALE_BYTES + to - from
  }
}

const signed = (byte: number): number => (byte << 24) >> 24

/** @param bytes int8Length(into.length) bytes, at any address */
export function decodeInt8(bytes: Uint8Array, into: Float32Array): void {
  eachBlock(bytes, into.length, (at, scale, from, to) => {
    for (let i = from; i < to; i++) into[i] = signed(bytes[at + i - from]!) * scale
  })
}

/** into += bytes, each product and each sum rounded to f32. */
export function addInt8(bytes: Uint8Array, into: Float32Array): void {
  eachBlock(bytes, into.length, (at, scale, from, to) => {
    for (let i = from; i < to; i++) into[i] = into[i]! + Math.fround(signed(bytes[at + i - from]!) * scale)
  })
}
