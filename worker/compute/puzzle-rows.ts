// The puzzle rows that a worker was sent for a round, by puzzle. In a round of several steps its own slots' gradients change
// them as they go, by the rule of the table (SignSGD, spec 3.2); what counts in the end is what the coordinator's table does
// with the gradients of all workers.
import { signSgdRow, sumPerId } from '../../shared/gradients/sparse.js'

export class PuzzleRows {
  private readonly places = new Map<number, number>()

  /** @param rows f32 [at least as many puzzles as a round may have, dim], filled by who gets the rows */
  constructor(
    private readonly rows: Float32Array,
    private readonly dim: number,
  ) {}

  /** The rows of these puzzles, each once, lie in `rows` now, in this order. */
  begin(puzzles: readonly number[]): void {
    this.places.clear()
    puzzles.forEach((puzzle, i) => this.places.set(puzzle, i))
  }

  /** Rows of these puzzles, f32 [puzzles, dim]. */
  gather(puzzles: readonly number[]): Float32Array {
    const gathered = new Float32Array(puzzles.length * this.dim)
    if (this.dim > 0) puzzles.forEach((puzzle, i) => gathered.set(this.row(puzzle), i * this.dim))
    return gathered
  }

  /** @param gradients f32 [puzzles, dim], of slots that work on these puzzles */
  learn(puzzles: readonly number[], gradients: Float32Array, lr: number, weightDecay: number): void {
    if (this.dim === 0) return
    const { ids, sums } = sumPerId(puzzles, gradients, this.dim)
    ids.forEach((id, i) => signSgdRow(this.row(id), sums.subarray(i * this.dim, (i + 1) * this.dim), lr, weightDecay))
  }

  private row(puzzle: number): Float32Array {
    const place = this.places.get(puzzle)
    if (place === undefined) throw new Error(`no row of puzzle ${puzzle} came with this round`)
    return this.rows.subarray(place * this.dim, (place + 1) * this.dim)
  }
}
