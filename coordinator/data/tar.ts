// Files of a tar archive in memory: as much of POSIX ustar and pax as `git archive` writes.
import { DataError } from '../../shared/errors.js'

const BLOCK = 512

/** Regular files, path and bytes. @throws DataError where the archive is damaged */
export function* tarFiles(tar: Uint8Array): Generator<[path: string, bytes: Uint8Array]> {
  const text = (at: number, length: number): string => {
    const field = Buffer.from(tar.buffer, tar.byteOffset + at, length)
    const end = field.indexOf(0)
    return field.toString('utf8', 0, end < 0 ? length : end)
  }
  let longPath: string | undefined
  for (let at = 0; at + BLOCK <= tar.length;) {
    if (tar[at] === 0) return
    const size = Number.parseInt(text(at + 124, 12).trim() || '0', 8)
    const from = at + BLOCK
    if (!Number.isSafeInteger(size) || size < 0 || from + size > tar.length)
      throw new DataError('the archive is damaged or cut short', 'fetch it again')
    const kind = String.fromCharCode(tar[at + 156] ?? 0)
    const prefix = text(at + 345, 155)
    const path = longPath ?? (prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`)
    longPath = undefined
    // A pax header before a file may hold its path: records of "LENGTH path=VALUE LF".
    if (kind === 'x') longPath = /^\d+ path=(.*)$/m.exec(text(from, size))?.[1]
    if (kind === '0' || kind === '\0') yield [path, tar.subarray(from, from + size)]
    at = from + Math.ceil(size / BLOCK) * BLOCK
  }
  throw new DataError('the archive ends before its end mark', 'fetch it again')
}
