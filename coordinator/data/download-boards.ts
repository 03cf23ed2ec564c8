// `trmesh data sudoku-extreme` and `maze-hard`: fetches train.csv and test.csv of one revision, streams them to disk, compares
// them with the SHA-256 that the host states, and notes beside them what they are.
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DataError, RunError, SystemRefused } from '../../shared/errors.js'
import { Sha256 } from '../../shared/hash.js'
import type { DownloadOptions } from '../../shared/ports.js'
import { BOARD_FILES, BOARD_SETS, notePath, noteText, type BoardFile, type BoardNote, type BoardSet, type BoardSetName } from './board-sets.js' // prettier-ignore
import { dataFolder } from './data-sets.js'
import { bytesFrom, headersOf, unreachable, type Fetching } from './http.js'

/** Serves BASE/OWNER/NAME/resolve/REVISION/FILE. */
const HUB: Fetching = { baseUrl: 'https://huggingface.co/datasets', patience: 15_000 }
/** A file larger than this is not what we asked for. */
const LARGEST_FILE = 4 * 1024 ** 3

const otherwise = ({ repository }: BoardSet): string =>
  `or, on a machine with network, download train.csv and test.csv of the data set ${repository}, copy them here and pass --data FOLDER; --data generated needs no network`

/** What the host says of a file: the commit it belongs to, and its hash where it keeps it as a large file. */
async function statedOf(url: string, fetching: Fetching): Promise<{ commit?: string; sha256?: string }> {
  const headers = await headersOf(url, fetching)
  const [, sha256] = /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(headers.get('x-linked-etag') ?? '') ?? []
  const commit = headers.get('x-repo-commit') ?? undefined
  return { ...(commit === undefined ? {} : { commit }), ...(sha256 === undefined ? {} : { sha256 }) }
}

/** Streams one file to disk. @returns its SHA-256 */
async function fetchFile(url: string, to: string, fetching: Fetching): Promise<string> {
  const hash = new Sha256()
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const bytes of bytesFrom(url, fetching, LARGEST_FILE)) {
      hash.update(bytes)
      yield bytes
    }
  }
  await pipeline(Readable.from(hashed()), createWriteStream(to))
  return hash.hex()
}

/**
 * Fetches a data set into `folder`, whole or not at all; an earlier copy is replaced.
 * @param revision a commit or branch of the repository
 * @throws SystemRefused without network or disk; DataError where a file is not what its host says it is
 */
export async function fetchBoardSet(
  set: BoardSet,
  folder: string,
  revision: string,
  fetching: Fetching,
): Promise<BoardNote> {
  await mkdir(dirname(folder), { recursive: true })
  const fresh = await mkdtemp(join(dirname(folder), '.new-'))
  let commit = revision
  const sha256: Partial<Record<BoardFile, string>> = {}
  let checked = true
  try {
    for (const file of BOARD_FILES) {
      const url = (): string => `${fetching.baseUrl}/${set.repository}/resolve/${commit}/${file}`
      try {
        const stated = await statedOf(url(), fetching)
        // The second file is asked for by the commit of the first: both are of one revision.
        commit = stated.commit ?? commit
        sha256[file] = await fetchFile(url(), join(fresh, file), fetching)
        if (stated.sha256 === undefined) checked = false
        else if (stated.sha256 !== sha256[file])
          throw new DataError(
            `${file} of ${set.repository} arrived with SHA-256 ${sha256[file]}; its host states ${stated.sha256}`,
            `the download was damaged: try again, ${otherwise(set)}`,
          )
      } catch (cause) {
        throw cause instanceof RunError ? cause : unreachable(url(), cause, otherwise(set))
      }
    }
    const note = { repository: set.repository, commit, sha256: sha256 as Record<BoardFile, string>, checked }
    await writeFile(notePath(fresh), noteText(note))
    await rm(folder, { recursive: true, force: true })
    await rename(fresh, folder)
    return note
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true })
    if (cause instanceof RunError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SystemRefused(`cannot write ${folder}: ${why}`, 'free some space, or name another folder with --to', { cause }) // prettier-ignore
  }
}

export async function downloadBoards(name: BoardSetName, options: DownloadOptions): Promise<void> {
  const { to, root, signal, out, revision = 'main' } = options
  const set = BOARD_SETS[name]
  const folder = to ?? join(dataFolder(root), name)
  const stop = new AbortController()
  signal.onStop(() => stop.abort(new Error('stopped')))
  out.line(`fetching ${set.title}: ${set.repository} at ${revision}`)
  const { commit, sha256, checked } = await fetchBoardSet(set, folder, revision, {
    ...HUB,
    signal: stop.signal,
    onBytes: (bytes) => out.status(`${(bytes / 1e6).toFixed(1)} MB`),
  })
  const word = checked ? 'as its host states it' : 'no published hash is known, so note it'
  for (const file of BOARD_FILES) out.line(`${file}: SHA-256 ${sha256[file]}, ${word}`)
  out.line(`revision ${commit}; --revision ${commit} fetches the same again`)
  out.line(`they are in ${folder}; use them with --data ${to === undefined ? name : folder}`)
}
