// Tells augmentations of one task apart without encoding them. The official build compares SHA-256 of all pairs of the augmented
// task (spec 4.2); only equality matters, so 64 bits of a hash that costs ten multiplications per grid do the same.
// Every colour of every grid is summed once per transform; a colour map then only weighs the sums.
import { COLOURS, DIHEDRALS, walk, type Grid } from './grid.js'

const mix = (word: number): number => {
  let x = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

const PLACES = 1024
const [PLACE_A, PLACE_B, COLOUR_A, COLOUR_B] = [1, 2, 3, 4].map((lane) =>
  Uint32Array.from({ length: PLACES }, (_, i) => mix(mix(i + 1) + Math.imul(lane, 0x9e3779b9)) | 1),
) as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]

export class Fingerprint {
  /** [transform][grid][colour], two lanes; and one word of shape per [transform][grid]. */
  private readonly laneA: Uint32Array
  private readonly laneB: Uint32Array
  private readonly shape: Uint32Array
  private readonly grids: number

  /** @param pairs input and output of every example, all of which belong to the identity of the task */
  constructor(pairs: readonly (readonly [Grid, Grid])[]) {
    this.grids = pairs.length * 2
    this.laneA = new Uint32Array(DIHEDRALS * this.grids * COLOURS)
    this.laneB = new Uint32Array(DIHEDRALS * this.grids * COLOURS)
    this.shape = new Uint32Array(DIHEDRALS * this.grids)
    const all = pairs.flat()
    for (let t = 0; t < DIHEDRALS; t++) all.forEach((grid, g) => this.sum(grid, t, t * this.grids + g))
  }

  /** Equal for equal augmented tasks (as sets of pairs), different otherwise but for a chance of 2^-64. */
  of(transform: number, colours: Uint8Array): bigint {
    let sumA = 0
    let sumB = 0
    for (let g = 0; g < this.grids; g += 2) {
      const at = transform * this.grids + g
      const inA = this.weigh(this.laneA, COLOUR_A, at, colours)
      const inB = this.weigh(this.laneB, COLOUR_B, at, colours)
      const outA = this.weigh(this.laneA, COLOUR_A, at + 1, colours)
      const outB = this.weigh(this.laneB, COLOUR_B, at + 1, colours)
      // Input and output play different parts; pairs are a set, so their words are added.
      sumA = (sumA + mix(mix(inA + 0x51ed270b) ^ outB)) >>> 0
      sumB = (sumB + mix(mix(inB + 0x2545f491) ^ outA)) >>> 0
    }
    return (BigInt(sumA) << 32n) | BigInt(sumB)
  }

  private weigh(lane: Uint32Array, weights: Uint32Array, at: number, colours: Uint8Array): number {
    let sum = this.shape[at] as number
    const from = at * COLOURS
    for (let c = 0; c < COLOURS; c++)
      sum = (sum + Math.imul(lane[from + c] as number, weights[colours[c] as number] as number)) | 0
    return mix(sum)
  }

  private sum(grid: Grid, transform: number, slot: number): void {
    const { rows, cols, base, down, right } = walk(grid.rows, grid.cols, transform)
    const at = slot * COLOURS
    for (let i = 0, place = 0; i < rows; i++)
      for (let j = 0, from = base + i * down; j < cols; j++, from += right, place++) {
        const to = at + (grid.cells[from] as number)
        this.laneA[to] = (this.laneA[to] as number) + (PLACE_A[place] as number)
        this.laneB[to] = (this.laneB[to] as number) + (PLACE_B[place] as number)
      }
    this.shape[slot] = mix(rows * 64 + cols)
  }
}
