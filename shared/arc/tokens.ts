// Grids as token rows: PAD 0, end marker 1, colour c as c + 2, on a square canvas. Source: spec 4.2 (encoding), 5.2 (crop).
import { walk, type Grid } from './grid.js'

export const PAD = 0
export const EOS = 1
export const FIRST_COLOUR = 2
export const ARC_VOCAB = 12

/**
 * Writes one grid, transformed and recoloured, as tokens.
 * @param out canvas * canvas bytes from `at` on, overwritten whole
 * @param colours the map applied to every cell, 10 entries
 * @param padRow,padCol where the grid's corner lies; the grid must fit the canvas there
 */
export function encodeInto(
  out: Uint8Array,
  at: number,
  canvas: number,
  grid: Grid,
  transform: number,
  colours: Uint8Array,
  padRow: number,
  padCol: number,
): void {
  const { rows, cols, base, down, right } = walk(grid.rows, grid.cols, transform)
  const { cells } = grid
  out.fill(PAD, at, at + canvas * canvas)
  const edge = padCol + cols < canvas
  for (let i = 0; i < rows; i++) {
    let to = at + (padRow + i) * canvas + padCol
    let from = base + i * down
    for (let j = 0; j < cols; j++, from += right) out[to++] = (colours[cells[from] as number] as number) + FIRST_COLOUR
    if (edge) out[to] = EOS
  }
  if (padRow + rows < canvas) {
    const line = at + (padRow + rows) * canvas + padCol
    out.fill(EOS, line, line + cols)
  }
}

/** Colours as they are. */
export const SAME_COLOURS: Uint8Array = Uint8Array.from({ length: 10 }, (_, c) => c)

/** One grid as canvas * canvas tokens, its corner at (padRow, padCol). */
export function encode(grid: Grid, canvas: number, padRow = 0, padCol = 0): Uint8Array {
  const out = new Uint8Array(canvas * canvas)
  encodeInto(out, 0, canvas, grid, 0, SAME_COLOURS, padRow, padCol)
  return out
}

/**
 * The largest rectangle of colours anchored at (0, 0), first on ties; 0 by 0 where the first cell is no colour.
 * @param tokens canvas * canvas tokens, from `at` on
 */
export function crop(tokens: ArrayLike<number>, canvas: number, at = 0): Grid {
  let limit = canvas
  let area = 0
  let rows = 0
  let cols = 0
  for (let r = 0; r < canvas && limit > 0; r++) {
    const line = at + r * canvas
    for (let c = 0; c < limit; c++) {
      const token = tokens[line + c] as number
      if (token < FIRST_COLOUR || token >= ARC_VOCAB) limit = c
    }
    if ((r + 1) * limit > area) {
      area = (r + 1) * limit
      rows = r + 1
      cols = limit
    }
  }
  const cells = new Uint8Array(area)
  for (let r = 0, to = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) cells[to++] = (tokens[at + r * canvas + c] as number) - FIRST_COLOUR
  return { rows, cols, cells }
}
