// The published Sudoku and maze data sets: where they are, and the note that lies beside a fetched copy. Neither paper nor data
// card states a revision or a hash, so none is known here: the revision that was met is noted, and the host's own SHA-256 is checked.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DataError } from '../../shared/errors.js'
import { readJson } from './json-file.js'

export interface BoardSet {
  readonly title: string
  /** Of data sets on the hub that the paper names. */
  readonly repository: string
}

export const BOARD_SETS = {
  'sudoku-extreme': {
    title: 'Sudoku-Extreme, 3.8 million Sudokus to train on and 423 thousand to test (arXiv:2506.21734)',
    repository: 'sapientinc/sudoku-extreme',
  },
  'maze-hard': {
    title: 'Maze-Hard, 1000 mazes of 30 x 30 to train on and 1000 to test (arXiv:2506.21734)',
    repository: 'sapientinc/maze-30x30-hard-1k',
  },
} as const satisfies Record<string, BoardSet>

export type BoardSetName = keyof typeof BOARD_SETS
export const isBoardSet = (name: string): name is BoardSetName => name in BOARD_SETS

export const BOARD_FILES = ['train.csv', 'test.csv'] as const
export type BoardFile = (typeof BOARD_FILES)[number]

const NOTE = 'source.json'

/** What was fetched. */
export interface BoardNote {
  readonly repository: string
  readonly commit: string
  readonly sha256: Readonly<Record<BoardFile, string>>
  /** Whether the host named the same hashes. */
  readonly checked: boolean
}

export const noteText = (note: BoardNote): string => `${JSON.stringify(note, null, 2)}\n`
export const notePath = (folder: string): string => join(folder, NOTE)

/**
 * Which files these are, in words, after a look at the note that lies beside them.
 * @throws DataError where a file is not the one that was fetched
 */
export async function provenance(folder: string, sha256: BoardNote['sha256']): Promise<string> {
  const hashes = BOARD_FILES.map((file) => `${file} has SHA-256 ${sha256[file]}`).join(', ')
  if (!existsSync(notePath(folder))) return `no published hash is known; ${hashes}`
  const note = (await readJson(notePath(folder))) as Partial<BoardNote>
  for (const file of BOARD_FILES)
    if (note.sha256?.[file] !== sha256[file])
      throw new DataError(
        `${join(folder, file)} has SHA-256 ${sha256[file]}, not that of the file that was fetched (${String(note.sha256?.[file])})`,
        `it was changed or damaged: fetch it again, or remove ${notePath(folder)} if it was changed on purpose`,
      )
  const word = note.checked === true ? 'as its host states it' : 'no published hash is known'
  return `${note.repository ?? '?'} at ${String(note.commit).slice(0, 12)}; ${hashes}, ${word}`
}
