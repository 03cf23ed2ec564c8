// Which puzzle files a checkpoint gets: those of the one before it, linked, and one more with the rows that changed since; or one
// with all rows, once the further ones together are half as large as the first. A link costs nothing, and the folder stays
// whole by itself: it can be copied, and the one before it deleted.
import { bytesOf } from '../../shared/bytes.js'
import { isPuzzleFile, PUZZLE_FILE, puzzleFile, puzzleTensors } from '../../shared/checkpoint/contents.js'
import type { Manifest } from '../../shared/checkpoint/manifest.js'
import type { TableSnapshot } from '../puzzle-table.js'
import type { CheckpointWriter } from './checkpoint-writer.js'

type File = Manifest['files'][number]

/** A checkpoint of this run that is on the disk. */
export interface Saved {
  readonly dir: string
  readonly files: readonly File[]
}

export interface PuzzlePlan {
  /** Files of the one before; empty: all rows are written. */
  readonly linked: File[]
  /** Name of the file to write; undefined: nothing changed. */
  readonly written: string | undefined
}

const MOST_FILES = 16
const ROWS_AT_ONCE = 4096

const ALL_ROWS: PuzzlePlan = { linked: [], written: PUZZLE_FILE }

/**
 * @param before the checkpoint that `changed` rows have changed since
 * @param rowBytes bytes of a row in a file
 */
export function planPuzzleFiles(before: Saved | undefined, changed: number, rowBytes: number): PuzzlePlan {
  const linked = before?.files.filter(({ name }) => isPuzzleFile(name)) ?? []
  const [all, ...further] = linked
  if (all === undefined || linked.length >= MOST_FILES) return ALL_ROWS
  if (changed === 0) return { linked, written: undefined }
  const more = further.reduce((sum, { bytes }) => sum + bytes, changed * rowBytes)
  return more > all.bytes / 2 ? ALL_ROWS : { linked, written: puzzleFile(linked.length + 1) }
}

/** The rows that changed since the checkpoint before, beside its files; or all of them. */
export async function writePuzzles(
  dim: number,
  before: Saved | undefined,
  table: TableSnapshot,
  writer: CheckpointWriter,
): Promise<void> {
  const wanted = planPuzzleFiles(before, table.changed.length, (dim + 1) * 4)
  const linked = before !== undefined && wanted.linked.length > 0 && (await writer.link(before.dir, wanted.linked))
  const name = linked ? wanted.written : PUZZLE_FILE
  if (name === undefined) return
  const ids = linked ? table.changed : table.ids
  await writer.add({ name, tensors: puzzleTensors(ids.length, dim) })
  if (ids.length === 0) return
  await writer.write(name, 'ids', 0, bytesOf(ids))
  if (dim === 0) return
  for (let from = 0; from < ids.length; from += ROWS_AT_ONCE) {
    const some = ids.subarray(from, from + ROWS_AT_ONCE)
    const rows = new Float32Array(some.length * dim)
    table.copyRows(some, rows)
    await writer.write(name, 'rows', from * dim * 4, bytesOf(rows))
    table.passed(some[some.length - 1]!)
  }
}
