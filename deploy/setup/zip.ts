// Reads files out of a zip archive (a Python wheel is one), streaming each to disk, with no program but Node's zlib.
// Format: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end). No zip64, no encryption.
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import { DataError, SystemRefused } from '../../shared/errors.js'

export interface ZipEntry {
  /** Path inside the archive, with `/`. */
  name: string
  /** Bytes when unpacked. */
  size: number
  packedSize: number
  method: number
  crc32: number
  /** Byte of the local header. */
  offset: number
}

const END_SIGNATURE = 0x06054b50
const ENTRY_SIGNATURE = 0x02014b50
const LOCAL_SIGNATURE = 0x04034b50
const END_SIZE = 22
const MAX_COMMENT = 0xffff
const STORED = 0
const DEFLATED = 8

/** An open archive. Close it. */
export class Zip {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    readonly entries: readonly ZipEntry[],
  ) {}

  /** @throws DataError if the file is no zip archive, or uses what is not read here */
  static async open(path: string): Promise<Zip> {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw new DataError(`cannot read ${path}`, 'give the path of an existing file', { cause })
    })
    try {
      return new Zip(path, file, await readDirectory(path, file))
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Writes one entry to `target`, making its folder. @throws DataError if its size or CRC-32 is wrong */
  async extract(entry: ZipEntry, target: string): Promise<void> {
    const { path, file } = this
    const local = await read(path, file, entry.offset, 30)
    if (local.readUInt32LE(0) !== LOCAL_SIGNATURE) throw damaged(path, `no local header for ${entry.name}`)
    const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
    if (entry.method !== STORED && entry.method !== DEFLATED) {
      throw damaged(path, `${entry.name} is packed with method ${entry.method}`)
    }
    await mkdir(dirname(target), { recursive: true })
    if (entry.size === 0) return writeFile(target, '')
    let size = 0
    let crc = 0
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length
        // Node has it since 20.15; before that the size is the only check.
        if (typeof zlib.crc32 === 'function') crc = zlib.crc32(chunk, crc)
        done(null, chunk)
      },
    })
    const source = createReadStream(path, {
      start,
      end: start + entry.packedSize - 1,
      highWaterMark: 1 << 20,
    })
    const sink = createWriteStream(target)
    try {
      if (entry.method === STORED) await pipeline(source, check, sink)
      else await pipeline(source, zlib.createInflateRaw({ chunkSize: 1 << 20 }), check, sink)
    } catch (cause) {
      const { code = '', message } = cause as NodeJS.ErrnoException
      if (code.startsWith('Z_')) throw damaged(path, `${entry.name} does not unpack`, cause)
      throw new SystemRefused(
        `cannot write ${target}: ${message}`,
        'see that the disk has space and the folder may be written',
        { cause },
      )
    }
    if (size !== entry.size) throw damaged(path, `${entry.name} has ${size} bytes, expected ${entry.size}`)
    if (typeof zlib.crc32 === 'function' && crc !== entry.crc32) throw damaged(path, `${entry.name} has a wrong CRC-32`)
  }

  /** The text of one small entry. */
  async text(entry: ZipEntry): Promise<string> {
    const local = await read(this.path, this.file, entry.offset, 30)
    const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
    const packed = await read(this.path, this.file, start, entry.packedSize)
    return (entry.method === STORED ? packed : zlib.inflateRawSync(packed)).toString('utf8')
  }

  async close(): Promise<void> {
    await this.file.close()
  }
}

async function readDirectory(path: string, file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat()
  const tailSize = Math.min(size, END_SIZE + MAX_COMMENT)
  const tail = await read(path, file, size - tailSize, tailSize)
  let end = tail.length - END_SIZE
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--
  if (end < 0) throw damaged(path, 'it is no zip archive, or was cut off')
  const count = tail.readUInt16LE(end + 10)
  const length = tail.readUInt32LE(end + 12)
  const offset = tail.readUInt32LE(end + 16)
  if (count === 0xffff || offset === 0xffffffff) throw damaged(path, 'zip64 is not read here')
  const directory = await read(path, file, offset, length)
  const entries: ZipEntry[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + 46 > length || directory.readUInt32LE(at) !== ENTRY_SIGNATURE)
      throw damaged(path, `entry ${i} of its directory is bad`)
    const nameLength = directory.readUInt16LE(at + 28)
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      crc32: directory.readUInt32LE(at + 16),
      packedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    })
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
  return entries
}

async function read(path: string, file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, position)
  if (bytesRead !== length) throw damaged(path, `it ends at byte ${position + bytesRead}`)
  return buffer
}

function damaged(path: string, reason: string, cause?: unknown): DataError {
  return new DataError(`${path} is damaged: ${reason}`, 'fetch it again', { cause })
}
