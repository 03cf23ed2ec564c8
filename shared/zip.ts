// The table of contents of a zip archive, from bytes somebody else has read: PKWARE APPNOTE 6.3, sections 4.3.7 (local
// header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end, zip64 too). Every size is checked against the file before
// anything is allocated by it. No encryption, no archives in several parts.

export interface ZipEntry {
  /** Path inside the archive, with `/`. */
  readonly name: string
  /** Bytes when unpacked. */
  readonly size: number
  readonly packedSize: number
  /** STORED or DEFLATED, or a method that is not read here. */
  readonly method: number
  readonly crc32: number
  /** Byte of the local header. */
  readonly offset: number
}

/** Where the central directory lies. */
export interface ZipDirectory {
  readonly entries: number
  readonly offset: number
  readonly length: number
}

/** Says why the archive cannot be read; the caller knows its name and the remedy. */
export type RefuseZip = (why: string) => never

export const STORED = 0
export const DEFLATED = 8
export const LOCAL_HEADER_BYTES = 30

const END_SIGNATURE = 0x06054b50
const END64_SIGNATURE = 0x06064b50
const LOCATOR64_SIGNATURE = 0x07064b50
const ENTRY_SIGNATURE = 0x02014b50
const LOCAL_SIGNATURE = 0x04034b50
const END_BYTES = 22
const END64_BYTES = 56
const LOCATOR64_BYTES = 20
const ENTRY_BYTES = 46
const MAX_COMMENT = 0xffff
const FULL_16 = 0xffff
const FULL_32 = 0xffffffff
const ZIP64_EXTRA = 1
const ENCRYPTED = 1

/** How much of the end of a file `findDirectory` wants to see; less where the file is smaller. */
export const ZIP_TAIL_BYTES = END_BYTES + MAX_COMMENT + LOCATOR64_BYTES + END64_BYTES

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** An unsigned 64-bit number; one beyond 2^53 is no place in any file. */
function u64(view: DataView, at: number, refuse: RefuseZip): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return refuse(`it names byte ${value}`)
  return Number(value)
}

/** @param tail the last ZIP_TAIL_BYTES of the file, or all of it */
export function findDirectory(tail: Uint8Array, fileBytes: number, refuse: RefuseZip): ZipDirectory {
  const view = viewOf(tail)
  let end = tail.length - END_BYTES
  while (end >= 0 && view.getUint32(end, true) !== END_SIGNATURE) end--
  if (end < 0) return refuse('it is no zip archive, or was cut off')
  let entries = view.getUint16(end + 10, true)
  let length = view.getUint32(end + 12, true)
  let offset = view.getUint32(end + 16, true)
  if (entries === FULL_16 || length === FULL_32 || offset === FULL_32) {
    const tailStart = fileBytes - tail.length
    const locator = end - LOCATOR64_BYTES
    if (locator < 0 || view.getUint32(locator, true) !== LOCATOR64_SIGNATURE)
      return refuse('its directory should be of zip64, and is not')
    const end64 = u64(view, locator + 8, refuse) - tailStart
    if (end64 < 0 || end64 + END64_BYTES > locator || view.getUint32(end64, true) !== END64_SIGNATURE)
      return refuse('the end of its zip64 directory is bad')
    entries = u64(view, end64 + 32, refuse)
    length = u64(view, end64 + 40, refuse)
    offset = u64(view, end64 + 48, refuse)
  }
  if (offset + length > fileBytes - tail.length + end)
    return refuse(`its directory ends at byte ${offset + length}, the file has ${fileBytes}`)
  if (entries * ENTRY_BYTES > length)
    return refuse(`its directory of ${length} bytes has no room for ${entries} entries`)
  return { entries, offset, length }
}

/** @param bytes the central directory */
export function parseDirectory(bytes: Uint8Array, { entries }: ZipDirectory, refuse: RefuseZip): ZipEntry[] {
  const view = viewOf(bytes)
  const text = new TextDecoder()
  const found: ZipEntry[] = []
  let at = 0
  for (let i = 0; i < entries; i++) {
    if (at + ENTRY_BYTES > bytes.length || view.getUint32(at, true) !== ENTRY_SIGNATURE)
      return refuse(`entry ${i} of its directory is bad`)
    const nameEnd = at + ENTRY_BYTES + view.getUint16(at + 28, true)
    const extraEnd = nameEnd + view.getUint16(at + 30, true)
    if (extraEnd > bytes.length) return refuse(`entry ${i} of its directory is bad`)
    const name = text.decode(bytes.subarray(at + ENTRY_BYTES, nameEnd))
    if ((view.getUint16(at + 8, true) & ENCRYPTED) !== 0) return refuse(`entry ${i} of it is encrypted`)
    const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)]
    if (sizes.includes(FULL_32)) fillFromZip64(sizes, view, nameEnd, extraEnd, refuse)
    const [size = 0, packedSize = 0, offset = 0] = sizes
    found.push({
      name,
      size,
      packedSize,
      offset,
      method: view.getUint16(at + 10, true),
      crc32: view.getUint32(at + 16, true),
    })
    at = extraEnd + view.getUint16(at + 32, true)
  }
  return found
}

/** Replaces those of size, packed size and offset that did not fit 32 bits; the extra field has them in this order. */
function fillFromZip64(sizes: number[], view: DataView, from: number, to: number, refuse: RefuseZip): void {
  for (let at = from; at + 4 <= to; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== ZIP64_EXTRA) continue
    const end = Math.min(to, at + 4 + view.getUint16(at + 2, true))
    let next = at + 4
    sizes.forEach((value, i) => {
      if (value !== FULL_32) return
      if (next + 8 > end) return refuse('a zip64 entry of its directory is bad')
      sizes[i] = u64(view, next, refuse)
      next += 8
    })
    return
  }
}

/** First byte of the data of an entry. @param local LOCAL_HEADER_BYTES from `entry.offset` on */
export function dataStart(local: Uint8Array, entry: ZipEntry, fileBytes: number, refuse: RefuseZip): number {
  const view = viewOf(local)
  if (local.length < LOCAL_HEADER_BYTES || view.getUint32(0, true) !== LOCAL_SIGNATURE)
    return refuse(`no local header for ${entry.name}`)
  const start = entry.offset + LOCAL_HEADER_BYTES + view.getUint16(26, true) + view.getUint16(28, true)
  if (start + entry.packedSize > fileBytes) return refuse(`${entry.name} ends beyond the file`)
  return start
}
