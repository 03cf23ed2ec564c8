// Reads files out of a zip archive (a Python wheel is one), streaming each to disk, with no program but Node's zlib.
// The table of contents is read by shared/zip.ts.
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import { DataError, SystemRefused } from '../../shared/errors.js'
import {
  dataStart,
  DEFLATED,
  findDirectory,
  LOCAL_HEADER_BYTES,
  parseDirectory,
  STORED,
  ZIP_TAIL_BYTES,
  type RefuseZip,
  type ZipEntry,
} from '../../shared/zip.js'

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
    const { path } = this
    const start = await this.startOf(entry)
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
    const start = await this.startOf(entry)
    const packed = await read(this.path, this.file, start, entry.packedSize)
    return (entry.method === STORED ? packed : zlib.inflateRawSync(packed)).toString('utf8')
  }

  async close(): Promise<void> {
    await this.file.close()
  }

  private async startOf(entry: ZipEntry): Promise<number> {
    const { path, file } = this
    const local = await read(path, file, entry.offset, LOCAL_HEADER_BYTES)
    return dataStart(local, entry, (await file.stat()).size, refusal(path))
  }
}

async function readDirectory(path: string, file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat()
  const tailSize = Math.min(size, ZIP_TAIL_BYTES)
  const directory = findDirectory(await read(path, file, size - tailSize, tailSize), size, refusal(path))
  return parseDirectory(await read(path, file, directory.offset, directory.length), directory, refusal(path))
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

const refusal =
  (path: string): RefuseZip =>
  (reason) => {
    throw damaged(path, reason)
  }
