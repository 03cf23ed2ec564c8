// Writes a small zip archive in memory, for tests of what reads one: stored or deflated entries, optionally damaged.
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipMember {
  name: string
  data: Buffer
  stored?: boolean
  /** Written instead of the true CRC-32. */
  crc?: number
}

/** The archive's bytes; local headers carry an extra field, as real archives do. */
export function zipArchive(members: readonly ZipMember[], comment = ''): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  const extra = Buffer.from([0x55, 0x54, 1, 0, 7])
  let offset = 0
  for (const { name, data, stored = false, crc = crc32(data) } of members) {
    const packed = stored ? data : deflateRawSync(data)
    const path = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x800, 2)
    common.writeUInt16LE(stored ? 0 : 8, 4)
    common.writeUInt32LE(crc, 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(path.length, 22)
    const local = Buffer.from(common)
    local.writeUInt16LE(extra.length, 24)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.from([0x50, 0x4b, 1, 2, 20, 0]), common, tail, path)
    const entry = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), local, path, extra, packed])
    parts.push(entry)
    offset += entry.length
  }
  const entries = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(entries.length, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([...parts, entries, end, Buffer.from(comment)])
}
