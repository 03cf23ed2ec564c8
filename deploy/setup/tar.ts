// One file out of a .tar.gz that fits in memory, so that unpacking a release needs no program.
import { gunzipSync } from 'node:zlib'
import { tarFiles } from '../../coordinator/data/tar.js'
import { DataError } from '../../shared/errors.js'

/** The bytes of the first regular file whose path ends with `/name`. @throws DataError where there is none */
export function fileFromTarGz(archive: Uint8Array, name: string): Uint8Array {
  for (const [path, bytes] of tarFiles(gunzipSync(archive))) if (path.endsWith(`/${name}`)) return bytes
  throw new DataError(`the archive holds no file ${name}`, 'fetch it again')
}
