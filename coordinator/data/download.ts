// `trmesh data NAME`: fetches an official repository at its pinned commit, keeps its task files, and checks what they are.
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { DataError, SystemRefused } from '../../shared/errors.js'
import type { DownloadOptions } from '../../shared/ports.js'
import { contentHash, DATA_SETS, dataFolder, type DataSet, type DataSetName } from './data-sets.js'
import { isBoardSet } from './board-sets.js'
import { downloadBoards } from './download-boards.js'
import { bytesFrom, unreachable, type Fetching } from './http.js'
import { tarFiles } from './tar.js'

/** Serves BASE/OWNER/REPOSITORY/tar.gz/COMMIT. */
export const OFFICIAL: Fetching = { baseUrl: 'https://codeload.github.com', patience: 15_000 }

/** An archive larger than this is not what we asked for. */
const LARGEST_ARCHIVE = 256 * 1024 * 1024

const otherwise = ({ repository, commit }: DataSet): string =>
  `or, on a machine with network: git clone https://github.com/${repository} && git -C ${repository.split('/')[1]} checkout ${commit.slice(0, 12)}, copy it here and pass --data FOLDER`

async function fetchArchive(set: DataSet, fetching: Fetching): Promise<Buffer> {
  const url = `${fetching.baseUrl}/${set.repository}/tar.gz/${set.commit}`
  try {
    const chunks: Uint8Array[] = []
    for await (const chunk of bytesFrom(url, fetching, LARGEST_ARCHIVE)) chunks.push(chunk)
    return Buffer.concat(chunks)
  } catch (cause) {
    throw unreachable(url, cause, otherwise(set))
  }
}

/** Task files of an archive by the path they are to have. @throws DataError */
async function unpack(archive: Uint8Array, set: DataSet): Promise<Map<string, Uint8Array>> {
  let tar: Buffer
  try {
    tar = await promisify(gunzip)(archive)
  } catch (cause) {
    throw new DataError('what arrived is not a .tar.gz archive', 'try again; a proxy may have answered instead', {
      cause,
    })
  }
  const files = new Map<string, Uint8Array>()
  for (const [path, bytes] of tarFiles(tar)) {
    // The first folder is named after repository and commit.
    const wanted = set.wanted.exec(path.slice(path.indexOf('/') + 1))?.groups?.['path']
    if (wanted !== undefined) files.set(wanted, bytes)
  }
  return files
}

/**
 * Fetches a data set into `folder`, whole or not at all; an earlier copy is replaced.
 * @throws SystemRefused without network or disk; DataError where the content is not the expected one
 */
export async function fetchDataSet(set: DataSet, folder: string, fetching: Fetching): Promise<void> {
  const files = await unpack(await fetchArchive(set, fetching), set)
  const hash = contentHash(files)
  if (files.size !== set.files || hash !== set.sha256)
    throw new DataError(
      `${set.repository} at ${set.commit.slice(0, 12)} holds ${files.size} task files of SHA-256 ${hash}; expected ${set.files} of ${set.sha256}`,
      `the download was damaged or the repository replaced: try again, ${otherwise(set)}`,
    )
  try {
    await mkdir(dirname(folder), { recursive: true })
    const fresh = await mkdtemp(join(dirname(folder), '.new-'))
    for (const inner of new Set([...files.keys()].map((path) => dirname(path))))
      await mkdir(join(fresh, inner), { recursive: true })
    for (const [path, bytes] of files) await writeFile(join(fresh, path), bytes)
    await rm(folder, { recursive: true, force: true })
    await rename(fresh, folder)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SystemRefused(`cannot write ${folder}: ${why}`, 'free some space, or name another folder with --to', {
      cause,
    })
  }
}

const USED_BY: Readonly<Record<DataSetName, string>> = {
  'arc-agi-1': 'the official ARC-1 run trains on ConceptARC too: trmesh data concept-arc',
  'arc-agi-2': 'the official ARC-2 run trains on ConceptARC too: trmesh data concept-arc',
  'concept-arc': 'it is trained on together with arc-agi-1 or arc-agi-2, or alone with --data concept-arc',
}

export async function downloadData(options: DownloadOptions): Promise<void> {
  const { name, to, root, signal, out } = options
  if (isBoardSet(name)) return downloadBoards(name, options)
  const set = DATA_SETS[name]
  const folder = to ?? join(dataFolder(root), name)
  const stop = new AbortController()
  signal.onStop(() => stop.abort(new Error('stopped')))
  out.line(`fetching ${set.title} from github.com/${set.repository} at ${set.commit.slice(0, 12)}`)
  await fetchDataSet(set, folder, {
    ...OFFICIAL,
    signal: stop.signal,
    onBytes: (bytes) => out.status(`${(bytes / 1e6).toFixed(1)} MB`),
  })
  out.line(`${set.files} task files, SHA-256 of their content ${set.sha256} as expected`)
  out.line(`they are in ${folder}; use them with --data ${to === undefined ? name : folder}`)
  out.line(USED_BY[name])
}
