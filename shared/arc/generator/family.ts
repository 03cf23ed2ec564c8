// What a family of rules is: it draws a rule, and a rule draws inputs and solves them.
import type { Words } from '../../rng/draws.js'
import { between, pick, range, sample } from '../../rng/draws.js'
import type { Grid } from '../grid.js'

export interface Rule {
  /** A random input; sides at most the canvas. */
  readonly input: (rng: Words) => Grid
  /** The one right answer, a pure function of the input; undefined where the input does not show the rule or leaves it open. */
  readonly solve: (input: Grid) => Grid | undefined
}

export interface Family {
  readonly name: string
  /** One rule of the family: everything that all pairs of a task share. */
  readonly rule: (rng: Words, canvas: number) => Rule
}

/** Larger grids make nothing clearer. */
const LARGEST_SIDE = 16

/** A side of a grid, `least` .. canvas. */
export const side = (rng: Words, canvas: number, least = 2): number =>
  between(rng, Math.min(least, canvas), Math.min(canvas, LARGEST_SIDE))

/** `count` different colours out of 1..9. */
export const colours = (rng: Words, count: number): number[] => sample(rng, range(9).map((c) => c + 1), count) // prettier-ignore

/** A grid whose cells are drawn one by one. */
export function grid(rows: number, cols: number, cell: (row: number, col: number) => number): Grid {
  const cells = new Uint8Array(rows * cols)
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) cells[r * cols + c] = cell(r, c)
  return { rows, cols, cells }
}

/** Colour of a cell; 0 outside. */
export const at = ({ rows, cols, cells }: Grid, row: number, col: number): number =>
  row >= 0 && row < rows && col >= 0 && col < cols ? (cells[row * cols + col] as number) : 0

/** The same grid with some cells changed; cells outside are ignored. */
export function painted(base: Grid, strokes: Iterable<readonly [row: number, col: number, colour: number]>): Grid {
  const cells = base.cells.slice()
  for (const [row, col, colour] of strokes)
    if (row >= 0 && row < base.rows && col >= 0 && col < base.cols) cells[row * base.cols + col] = colour
  return { rows: base.rows, cols: base.cols, cells }
}

/** Every cell as the function says, from its place and colour. */
export const mapped = (base: Grid, cell: (colour: number, row: number, col: number) => number): Grid =>
  grid(base.rows, base.cols, (r, c) => cell(at(base, r, c), r, c))

/** A grid of random colours out of `palette`. */
export const noise = (rng: Words, rows: number, cols: number, palette: readonly number[]): Grid =>
  grid(rows, cols, () => pick(rng, palette))

/** An empty grid with `count` dots at different places, coloured out of `palette`. */
export function dots(rng: Words, rows: number, cols: number, count: number, palette: readonly number[]): Grid {
  const empty = grid(rows, cols, () => 0)
  const places = sample(rng, range(rows * cols), count)
  return painted(
    empty,
    places.map((place) => [Math.floor(place / cols), place % cols, pick(rng, palette)] as const),
  )
}

export interface Shape {
  readonly colour: number
  readonly cells: readonly (readonly [row: number, col: number])[]
}

/** Connected areas of one colour (sides, not corners), background left out; in reading order. */
export function shapes(base: Grid): Shape[] {
  const seen = new Uint8Array(base.cells.length)
  const found: Shape[] = []
  for (let start = 0; start < seen.length; start++) {
    const colour = base.cells[start] as number
    if (colour === 0 || seen[start] === 1) continue
    const cells: [number, number][] = []
    const open: [number, number][] = [[Math.floor(start / base.cols), start % base.cols]]
    seen[start] = 1
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      cells.push(place)
      const [row, col] = place
      for (const [r, c] of [
        [row - 1, col],
        [row + 1, col],
        [row, col - 1],
        [row, col + 1],
      ] as const)
        // prettier-ignore
        if (at(base, r, c) === colour && seen[r * base.cols + c] === 0) {
          seen[r * base.cols + c] = 1
          open.push([r, c])
        }
    }
    found.push({ colour, cells })
  }
  return found
}

/** The only item with the largest value; undefined on a tie or an empty list. */
export function only<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  const ranked = [...items].sort((a, b) => value(b) - value(a))
  const [first, second] = ranked
  if (first === undefined || (second !== undefined && value(first) === value(second))) return undefined
  return first
}

/** The smallest part of a grid that holds all its colour; undefined where there is none. */
export function boundingBox(base: Grid): { top: number; left: number; rows: number; cols: number } | undefined {
  let [top, left, bottom, right] = [base.rows, base.cols, -1, -1]
  base.cells.forEach((cell, i) => {
    if (cell === 0) return
    const [row, col] = [Math.floor(i / base.cols), i % base.cols]
    top = Math.min(top, row)
    left = Math.min(left, col)
    bottom = Math.max(bottom, row)
    right = Math.max(right, col)
  })
  return bottom < 0 ? undefined : { top, left, rows: bottom - top + 1, cols: right - left + 1 }
}
