// CRC-32 (the one of zip and Ethernet: polynomial 0xEDB88320, reflected) of the bytes of one message: catches what TCP and
// a faulty memory let through. Node's own from 20.15 on (four times as fast); before that eight bytes at a time through eight
// tables, word loads where the address allows.
// [Kounavis & Berry, "A systematic approach to building high performance software-based CRC generators", 2005]
import * as zlib from 'node:zlib'

const native = (zlib as { readonly crc32?: (bytes: Uint8Array, before?: number) => number }).crc32

const TABLES = tables()

function tables(): Uint32Array {
  const all = new Uint32Array(8 * 256)
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    all[n] = crc
  }
  for (let i = 256; i < all.length; i++) all[i] = (all[i - 256]! >>> 8) ^ all[all[i - 256]! & 255]!
  return all
}

/** @param before CRC of the bytes in front of these, where they come in pieces. @returns an unsigned 32-bit number */
export const crc32 = (bytes: Uint8Array, before = 0): number =>
  native === undefined ? crc32ByTables(bytes, before) : native(bytes, before)

/** The same without Node's help. */
export function crc32ByTables(bytes: Uint8Array, before = 0): number {
  const t = TABLES
  let crc = ~before
  let i = 0
  for (; i < bytes.length && (bytes.byteOffset + i) % 4 !== 0; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!
  const words = new Uint32Array(
    bytes.buffer,
    i < bytes.length ? bytes.byteOffset + i : 0,
    ((bytes.length - i) >>> 3) * 2,
  )
  for (let w = 0; w < words.length; w += 2) {
    const a = crc ^ words[w]!
    const b = words[w + 1]!
    crc =
      t[1792 + (a & 255)]! ^
      t[1536 + ((a >>> 8) & 255)]! ^
      t[1280 + ((a >>> 16) & 255)]! ^
      t[1024 + (a >>> 24)]! ^
      t[768 + (b & 255)]! ^
      t[512 + ((b >>> 8) & 255)]! ^
      t[256 + ((b >>> 16) & 255)]! ^
      t[b >>> 24]!
  }
  for (i += words.byteLength; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}
