// The data sets that can be named instead of a folder: where each is published, at which commit, and what it must contain.
// A commit names the content; the archive around it may be packed anew by the host, so the files themselves are hashed.
import { join } from 'node:path'
import { Sha256, sha256 } from '../../shared/hash.js'

export interface DataSet {
  readonly title: string
  readonly repository: string
  readonly commit: string
  /** Which files of the repository are tasks; the group `path` is where each is put. */
  readonly wanted: RegExp
  readonly files: number
  /** contentHash of all of them. */
  readonly sha256: string
}

export const DATA_SETS = {
  'arc-agi-1': {
    title: 'ARC-AGI-1, 400 training and 400 evaluation tasks (Apache-2.0)',
    repository: 'fchollet/ARC-AGI',
    commit: '399030444e0ab0cc8b4e199870fb20b863846f34',
    wanted: /^data\/(?<path>(training|evaluation)\/[0-9a-f]{8}\.json)$/,
    files: 800,
    sha256: 'f36ce31cbfa8773b8f093f55cf7e25c8c7df2b2b9af313f9d1f43bd35aa8c7ac',
  },
  'arc-agi-2': {
    title: 'ARC-AGI-2, 1000 training and 120 evaluation tasks (Apache-2.0)',
    repository: 'arcprize/ARC-AGI-2',
    commit: 'f3283f727488ad98fe575ea6a5ac981e4a188e49',
    wanted: /^data\/(?<path>(training|evaluation)\/[0-9a-f]{8}\.json)$/,
    files: 1120,
    sha256: 'fa43586bc843eaf3e7606e197bf2f6707c0887b5819fa3ef3119a95bf2313b68',
  },
  'concept-arc': {
    title: 'ConceptARC, 160 tasks of 16 concepts (MIT)',
    repository: 'victorvikram/ConceptARC',
    commit: '0e67da6af879e4bad3d7cd3c196e8d551b445725',
    wanted: /^corpus\/(?<path>(?<concept>\w+)\/\k<concept>\d+\.json)$/,
    files: 160,
    sha256: 'd236be5d06f15d94802da6919edd34142c36a94bc9c4fe2368a4c4ce257251c5',
  },
} as const satisfies Record<string, DataSet>

export type DataSetName = keyof typeof DATA_SETS
export const isDataSet = (name: string): name is DataSetName => name in DATA_SETS

/** Where named data sets lie, below the project root. */
export const dataFolder = (root: string): string => join(root, '.trmesh', 'data')

/** SHA-256 over the sorted lines `path LF sha256-of-file LF`: what the files are, however they were packed. */
export function contentHash(files: ReadonlyMap<string, Uint8Array>): string {
  const hash = new Sha256()
  for (const path of [...files.keys()].sort()) hash.update(`${path}\n${sha256(files.get(path) ?? '')}\n`)
  return hash.hex()
}
