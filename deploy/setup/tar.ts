// One file out of a .tar.gz that fits in memory, so that unpacking a release needs no program.
// Format: POSIX ustar; a header block of 512 bytes, then the file padded to 512.
import { gunzipSync } from 'node:zlib'
import { DataError } from '../../shared/errors.js'

const BLOCK = 512

/** The bytes of the first regular file whose path ends with `/name`. */
export function fileFromTarGz(archive: Uint8Array, name: string): Buffer {
  const tar = gunzipSync(archive)
  for (let at = 0; at + BLOCK <= tar.length;) {
    const path = cString(tar, at, 100)
    const size = Number.parseInt(cString(tar, at + 124, 12).trim() || '0', 8)
    const type = String.fromCharCode(tar[at + 156] ?? 0)
    if (path === '' || !Number.isSafeInteger(size)) break
    if ((type === '0' || type === '\0') && path.endsWith(`/${name}`)) {
      if (at + BLOCK + size > tar.length) break
      return tar.subarray(at + BLOCK, at + BLOCK + size)
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  throw new DataError(`the archive holds no file ${name}`, 'fetch it again')
}

function cString(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end < 0 ? length : end)
}
