// The puzzle table: one learned row per augmented puzzle, all zero at first (spec 1.2), trained by SignSGD (spec 3.2). ARC-1 has
// 876,406 rows of 512 f32, and a step touches at most one per slot, so a row gets memory when it is first trained. Until then
// it is as row 0, the blank one, which no ARC example has: zero, or in an adapted model the mean of what it knew. A
// snapshot for a checkpoint costs nothing when taken: a row is copied only when it changes while the snapshot needs it.
import { signSgdRow, sumPerId } from '../shared/gradients/sparse.js'

/** Rows are allocated this many at a time. */
const BLOCK_ROWS = 256
const NOWHERE = -1
const [UNCHANGED, SHOWN, SINCE] = [0, 1, 2]

/** All touched rows as they were at one moment, in ascending order of id. */
export interface TableSnapshot {
  readonly ids: Int32Array
  /** Of those, the ones that changed since the snapshot that was saved last. */
  readonly changed: Int32Array
  /** Rows of `ids`, ascending, into f32 [ids, dim]. */
  copyRows(ids: Int32Array, into: Float32Array): void
  /** Rows of ids up to this one are written; the table need not keep them any more. */
  passed(id: number): void
  /** It is on the disk: what has not changed since need not be written again. */
  saved(): void
  release(): void
}

class Snapshot implements TableSnapshot {
  /** Old rows, by id, of those that changed since. */
  private readonly copies = new Map<number, Float32Array>()
  private passedId = -1
  private released = false

  constructor(
    readonly ids: Int32Array,
    readonly changed: Int32Array,
    private readonly table: { readonly dim: number; row(id: number): Float32Array },
    readonly saved: () => void,
    private readonly onRelease: () => void,
  ) {}

  get copiedRows(): number {
    return this.copies.size
  }

  copyRows(ids: Int32Array, into: Float32Array): void {
    const { dim } = this.table
    if (this.released) throw new Error('this snapshot of the puzzle table was released')
    if (into.length !== ids.length * dim) throw new RangeError(`room for ${into.length} elements, not ${ids.length} rows of ${dim}`) // prettier-ignore
    ids.forEach((id, i) => {
      if (!this.needs(id)) throw new RangeError(`row ${id} is not held by the snapshot, or passed`)
      into.set(this.copies.get(id) ?? this.table.row(id), i * dim)
    })
  }

  passed(id: number): void {
    this.passedId = Math.max(this.passedId, id)
    for (const copied of this.copies.keys()) if (copied <= this.passedId) this.copies.delete(copied)
  }

  release(): void {
    this.released = true
    this.copies.clear()
    this.onRelease()
  }

  /** Called before the row of `id` changes. */
  keep(id: number): void {
    if (this.copies.has(id) || !this.needs(id)) return
    this.copies.set(id, this.table.row(id).slice())
  }

  private needs(id: number): boolean {
    if (id <= this.passedId) return false
    let low = 0
    let high = this.ids.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const found = this.ids[middle]!
      if (found === id) return true
      if (found < id) low = middle + 1
      else high = middle - 1
    }
    return false
  }
}

export class PuzzleTable {
  /** Place of each id's row, counted in rows, or NOWHERE. */
  private readonly places: Int32Array
  private readonly blocks: Float32Array[] = []
  /** What row 0 is before anything is put there. */
  private readonly zeros: Float32Array
  private readonly snapshots = new Set<Snapshot>()
  /** Snapshots taken. */
  private frozen = 0
  /** Of each row: whether it changed since the snapshot that was saved last, and whether the newest snapshot shows that. */
  private readonly changes: Uint8Array
  private touched = 0
  /** What mean() gave; void once a row changes. */
  private average: Float32Array | undefined

  /** @param dim width of a row; 0 where the model has no puzzle embeddings */
  constructor(
    readonly numPuzzles: number,
    readonly dim: number,
  ) {
    this.places = new Int32Array(numPuzzles).fill(NOWHERE)
    this.changes = new Uint8Array(numPuzzles)
    this.zeros = new Float32Array(dim)
  }

  /** Rows that were ever trained, and bytes held (index, rows, and copies kept for snapshots). */
  get memory(): { rows: number; bytes: number } {
    const copied = [...this.snapshots].reduce((rows, snapshot) => rows + snapshot.copiedRows, 0)
    const rowBytes = this.dim * Float32Array.BYTES_PER_ELEMENT
    return {
      rows: this.touched,
      bytes: this.places.byteLength + this.changes.byteLength + (this.blocks.length * BLOCK_ROWS + copied) * rowBytes,
    }
  }

  /** The row of `id`, f32 [dim]: a view, to be read at once and never written. */
  row(id: number): Float32Array {
    const place = this.placeOf(id)
    return place === NOWHERE ? this.blank : this.rowAt(place)
  }

  private get blank(): Float32Array {
    const place = this.places[0] ?? NOWHERE
    return place === NOWHERE ? this.zeros : this.rowAt(place)
  }

  /** Rows of `ids` into f32 [ids, dim]. */
  gather(ids: Int32Array | readonly number[], into: Float32Array): void {
    if (into.length !== ids.length * this.dim) {
      throw new RangeError(`room for ${into.length} elements, ${ids.length} rows of ${this.dim} asked for`)
    }
    for (let i = 0; i < ids.length; i++) into.set(this.row(ids[i]!), i * this.dim)
  }

  /** Mean of the rows that were ever trained; zeros where none was. */
  mean(): Float32Array {
    if (this.average !== undefined) return this.average
    const sums = new Float64Array(this.dim)
    for (let place = 0; place < this.touched; place++) {
      const row = this.rowAt(place)
      for (let i = 0; i < this.dim; i++) sums[i]! += row[i]!
    }
    return (this.average = Float32Array.from(sums, (sum) => sum / Math.max(1, this.touched)))
  }

  /**
   * One SignSGD step on the rows of the batch.
   * @param ids puzzle of each slot, in slot order
   * @param grads f32 [slots, dim], in slot order
   */
  apply(ids: Int32Array | readonly number[], grads: Float32Array, lr: number, weightDecay: number): void {
    if (this.dim === 0) return
    for (const id of ids) this.placeOf(id) // all of them, before anything changes
    const summed = sumPerId(ids, grads, this.dim)
    summed.ids.forEach((id, i) => {
      for (const snapshot of this.snapshots) snapshot.keep(id)
      const sum = summed.sums.subarray(i * this.dim, (i + 1) * this.dim)
      signSgdRow(this.rowFor(id), sum, lr, weightDecay)
      this.changes[id] = SINCE
    })
  }

  /**
   * Sets rows from a checkpoint: `rows` is f32 [ids, dim]. They count as unchanged, so whoever saves must build on that
   * checkpoint, or write all rows.
   */
  restore(ids: Int32Array, rows: Float32Array): void {
    if (rows.length !== ids.length * this.dim) {
      throw new RangeError(`${rows.length} elements for ${ids.length} rows of ${this.dim}`)
    }
    for (const id of ids) this.placeOf(id)
    ids.forEach((id, i) => {
      for (const snapshot of this.snapshots) snapshot.keep(id)
      this.rowFor(id).set(rows.subarray(i * this.dim, (i + 1) * this.dim))
    })
  }

  /** The touched rows as they are now; later steps do not change what the snapshot shows. */
  freeze(): TableSnapshot {
    const number = ++this.frozen
    const ids = new Int32Array(this.touched)
    const changed = new Int32Array(this.touched)
    let changes = 0
    for (let id = 0, n = 0; n < ids.length; id++) {
      if (this.places[id] === NOWHERE) continue
      ids[n++] = id
      if (this.changes[id] === UNCHANGED) continue
      this.changes[id] = SHOWN
      changed[changes++] = id
    }
    const snapshot: Snapshot = new Snapshot(
      ids,
      changed.subarray(0, changes),
      this,
      () => this.settle(number, snapshot.changed),
      () => this.snapshots.delete(snapshot),
    )
    this.snapshots.add(snapshot)
    return snapshot
  }

  /** Rows of a snapshot are saved. If a newer one was taken meanwhile, it writes them again. */
  private settle(number: number, ids: Int32Array): void {
    if (number !== this.frozen) return
    for (const id of ids) if (this.changes[id] === SHOWN) this.changes[id] = UNCHANGED
  }

  private placeOf(id: number): number {
    const place = this.places[id]
    if (place === undefined) throw new RangeError(`puzzle ${id} of a table of ${this.numPuzzles}`)
    return place
  }

  private rowAt(place: number): Float32Array {
    const from = (place % BLOCK_ROWS) * this.dim
    return this.blocks[Math.floor(place / BLOCK_ROWS)]!.subarray(from, from + this.dim)
  }

  /** The row of `id` to be written, allocated at its first use. */
  private rowFor(id: number): Float32Array {
    this.average = undefined
    if (this.places[id] === NOWHERE) {
      if (this.touched % BLOCK_ROWS === 0) this.blocks.push(new Float32Array(BLOCK_ROWS * this.dim))
      const begin = this.blank
      this.places[id] = this.touched++
      this.rowAt(this.places[id]).set(begin)
    }
    return this.rowAt(this.places[id]!)
  }
}
