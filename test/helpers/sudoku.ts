// A plain Sudoku solver, to check the fast one by: nothing shared with it.
import { boxOf } from '../../shared/puzzles/sudoku.js'
import { range, shuffled, type Words } from '../../shared/rng/draws.js'

/** A board under way: which digits its rows, columns and boxes have, a bit per digit. */
class Board {
  private readonly rows: number[]
  private readonly cols: number[]
  private readonly boxes: number[]
  private readonly boxAt: readonly number[]
  /** Bits of all digits. */
  private readonly all: number
  readonly digits: readonly number[]

  /** @param cells side * side digits, 0 for empty; they are written to */
  constructor(
    readonly cells: Uint8Array,
    private readonly side: number,
  ) {
    const [height, width] = boxOf(side)
    const none = (): number[] => new Array<number>(side).fill(0)
    this.rows = none()
    this.cols = none()
    this.boxes = none()
    this.boxAt = Array.from(
      cells,
      (_, cell) => (side / width) * Math.floor(cell / (side * height)) + Math.floor((cell % side) / width),
    )
    this.digits = range(side).map((d) => d + 1)
    this.all = (2 << side) - 2
    cells.forEach((digit, cell) => {
      if (digit !== 0) this.flip(cell, digit)
    })
  }

  private flip(cell: number, digit: number): void {
    const bit = 1 << digit
    const [row, col, box] = [Math.floor(cell / this.side), cell % this.side, this.boxAt[cell] as number]
    this.rows[row] = (this.rows[row] as number) ^ bit
    this.cols[col] = (this.cols[col] as number) ^ bit
    this.boxes[box] = (this.boxes[box] as number) ^ bit
  }

  private freeAt(cell: number): number {
    const [row, col, box] = [Math.floor(cell / this.side), cell % this.side, this.boxAt[cell] as number]
    return this.all & ~((this.rows[row] as number) | (this.cols[col] as number) | (this.boxes[box] as number))
  }

  /**
   * Counts solutions, up to `most`; the board is left as the first solution found if `most` is 1.
   * @param order in which digits are tried
   */
  solve(most: number, order: readonly number[]): number {
    let cell = -1
    let fewest = this.side + 1
    for (let i = 0; i < this.cells.length && fewest > 1; i++) {
      if (this.cells[i] !== 0) continue
      const options = bitCount(this.freeAt(i))
      if (options < fewest) {
        fewest = options
        cell = i
      }
    }
    if (cell < 0) return 1
    const free = this.freeAt(cell)
    let found = 0
    for (const digit of order) {
      if ((free & (1 << digit)) === 0) continue
      this.cells[cell] = digit
      this.flip(cell, digit)
      found += this.solve(most - found, order)
      if (found >= most && most === 1) return found
      this.flip(cell, digit)
      this.cells[cell] = 0
      if (found >= most) return found
    }
    return found
  }
}

const bitCount = (bits: number): number => {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}

/** Solutions of a board, 2 meaning two or more. @param cells digits of a whole board, 0 for empty */
export function countSolutions(cells: Uint8Array): number {
  const board = new Board(cells.slice(), Math.sqrt(cells.length))
  return board.solve(2, board.digits)
}

/**
 * A full board whose cells were filled by trying digits in one order, the same for all cells: any first row, but of the boards
 * that begin with it few. What generated boards must not be like.
 */
export function filledInOneOrder(rng: Words, side: number): Uint8Array {
  const cells = new Uint8Array(side * side)
  const { digits } = new Board(cells, side)
  cells.set(shuffled(rng, digits))
  new Board(cells, side).solve(1, shuffled(rng, digits))
  return cells
}
