// The rows of the puzzle table that a checkpoint holds: those that were ever trained. They lie in one file, and in further
// ones with the rows that changed since; of a row that stands in several the newest counts.
import { isPuzzleFile, PUZZLE_FILE, puzzleTensors } from '../../shared/checkpoint/contents.js'
import { CheckpointRefused } from '../../shared/errors.js'
import type { Checkpoint } from './checkpoint-reader.js'

/** More than a checkpoint has files. */
const MOST_FILES = 64
const ROWS_AT_ONCE = 4096

export class TrainedRows {
  private constructor(
    private readonly checkpoint: Checkpoint,
    private readonly dim: number,
    private readonly files: readonly string[],
    /** Ascending. */
    readonly ids: Int32Array,
    /** Where the newest row of each id lies: which file, and which of its rows. */
    private readonly file: Uint8Array,
    private readonly index: Int32Array,
  ) {}

  /** @param dim width of a row @throws CheckpointRefused */
  static async of(checkpoint: Checkpoint, dim: number): Promise<TrainedRows> {
    const files = checkpoint.manifest.files.map(({ name }) => name).filter(isPuzzleFile)
    if (files.length === 0) checkpoint.tensors(PUZZLE_FILE) // says that it is missing
    const held = await Promise.all(files.map((name) => idsOf(checkpoint, name, dim)))
    // By id, of one id the newest first.
    const keys = new Float64Array(held.reduce((sum, ids) => sum + ids.length, 0))
    let at = 0
    held.forEach((ids, file) => {
      for (const id of ids) keys[at++] = id * MOST_FILES + (MOST_FILES - 1 - file)
    })
    keys.sort()
    const seen = files.map(() => 0)
    const [ids, file, index] = [new Int32Array(keys.length), new Uint8Array(keys.length), new Int32Array(keys.length)]
    let count = 0
    for (const key of keys) {
      const id = Math.floor(key / MOST_FILES)
      const from = MOST_FILES - 1 - (key % MOST_FILES)
      const place = seen[from]!++
      if (count > 0 && ids[count - 1] === id) continue
      ids[count] = id
      file[count] = from
      index[count++] = place
    }
    return new TrainedRows(checkpoint, dim, files, ids.subarray(0, count), file, index)
  }

  get count(): number {
    return this.ids.length
  }

  /** f32 [until - from, dim]: the rows of ids[from .. until). */
  async read(from: number, until: number): Promise<Float32Array> {
    const { dim, checkpoint } = this
    const rows = new Float32Array((until - from) * dim)
    if (dim === 0) return rows
    for (let at = from; at < until;) {
      // As many as lie behind one another.
      let next = at + 1
      while (next < until && this.file[next] === this.file[at] && this.index[next] === this.index[next - 1]! + 1) next++
      const name = this.files[this.file[at]!]!
      const bytes = await checkpoint.readRange(name, 'rows', this.index[at]! * dim * 4, (next - at) * dim * 4)
      rows.set(new Float32Array(bytes.buffer), (at - from) * dim)
      at = next
    }
    return rows
  }

  /** All of them, ascending, some at a time. */
  async *pieces(): AsyncGenerator<{ readonly ids: Int32Array; readonly rows: Float32Array }> {
    for (let from = 0; from < this.count; from += ROWS_AT_ONCE) {
      const until = Math.min(this.count, from + ROWS_AT_ONCE)
      yield { ids: this.ids.subarray(from, until), rows: await this.read(from, until) }
    }
  }
}

async function idsOf(checkpoint: Checkpoint, name: string, dim: number): Promise<Int32Array> {
  const count = checkpoint.tensors(name).find((tensor) => tensor.name === 'ids')?.shape[0] ?? 0
  checkpoint.expect(name, puzzleTensors(count, dim))
  const ids = new Int32Array((await checkpoint.readRange(name, 'ids', 0, count * 4)).buffer)
  if (ids.every((id, i) => id > (ids[i - 1] ?? -1))) return ids
  throw new CheckpointRefused(
    `${checkpoint.dir}: the ids of ${name} do not ascend`,
    'choose another checkpoint, or start over with --fresh',
  )
}
