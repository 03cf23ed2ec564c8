// A grid of colours 0..9, its hash, and the eight transforms of the square. Source: spec 4.2.
import { sha256 } from '../hash.js'

export interface Grid {
  readonly rows: number
  readonly cols: number
  /** Row-major colours, one byte each; rows * cols long. */
  readonly cells: Uint8Array
}

export const LARGEST_GRID = 30
export const COLOURS = 10

/** A grid from rows of equal length (not checked here; see task.ts for input from outside). */
export function gridOf(rows: readonly (readonly number[])[]): Grid {
  return { rows: rows.length, cols: rows[0]?.length ?? 0, cells: Uint8Array.from(rows.flat()) }
}

export function rowsOf(grid: Grid): number[][] {
  return Array.from({ length: grid.rows }, (_, r) => [...grid.cells.subarray(r * grid.cols, (r + 1) * grid.cols)])
}

/** Rows of digits, one a colour: ["012", "345"]. */
export const digitsOf = ({ rows, cols, cells }: Grid): string[] =>
  Array.from({ length: rows }, (_, r) => cells.subarray(r * cols, (r + 1) * cols).join(''))

export const sameGrid = (a: Grid, b: Grid): boolean =>
  a.rows === b.rows && a.cols === b.cols && a.cells.every((cell, i) => cell === b.cells[i])

/** SHA-256 of the bytes rows, cols, cells. */
export function hashGrid(grid: Grid): string {
  const bytes = new Uint8Array(2 + grid.cells.length)
  bytes[0] = grid.rows
  bytes[1] = grid.cols
  bytes.set(grid.cells, 2)
  return sha256(bytes)
}

export const DIHEDRALS = 8
/** 0 identity, 1..3 quarter turns counter-clockwise, 4 left-right flip, 5 up-down flip, 6 transpose, 7 anti-transpose. */
const INVERSES = [0, 3, 2, 1, 4, 5, 6, 7] as const

export const inverseDihedral = (transform: number): number => INVERSES[transform] as number

/** Whether a transform swaps rows with columns. */
export const turns = (transform: number): boolean => transform === 1 || transform === 3 || transform >= 6

/** Where a transform reads: cell (i, j) of the result is cell `base + i * down + j * right` of the source. */
export interface Walk {
  readonly rows: number
  readonly cols: number
  readonly base: number
  readonly down: number
  readonly right: number
}

export function walk(rows: number, cols: number, transform: number): Walk {
  const last = rows * cols - 1
  switch (transform) {
    case 0:
      return { rows, cols, base: 0, down: cols, right: 1 }
    case 1:
      return { rows: cols, cols: rows, base: cols - 1, down: -1, right: cols }
    case 2:
      return { rows, cols, base: last, down: -cols, right: -1 }
    case 3:
      return { rows: cols, cols: rows, base: last - cols + 1, down: 1, right: -cols }
    case 4:
      return { rows, cols, base: cols - 1, down: cols, right: -1 }
    case 5:
      return { rows, cols, base: last - cols + 1, down: -cols, right: 1 }
    case 6:
      return { rows: cols, cols: rows, base: 0, down: 1, right: cols }
    case 7:
      return { rows: cols, cols: rows, base: last, down: -1, right: -cols }
    default:
      throw new RangeError(`there is no dihedral transform ${transform}; they are numbered 0 to 7`)
  }
}

export function dihedral(grid: Grid, transform: number): Grid {
  const { rows, cols, base, down, right } = walk(grid.rows, grid.cols, transform)
  const cells = new Uint8Array(rows * cols)
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0, from = base + i * down; j < cols; j++, from += right) cells[at++] = grid.cells[from] as number
  return { rows, cols, cells }
}

/** Every colour c becomes map[c]. */
export function recolour(grid: Grid, map: Uint8Array): Grid {
  return { rows: grid.rows, cols: grid.cols, cells: grid.cells.map((cell) => map[cell] as number) }
}
