// Sequence trimming: the cells of the canvas that an example keeps. Tasks rarely fill 30 x 30, and an untrimmed model computes
// every PAD cell. Kept are the box around all that is not PAD, and the cells nearest to it up to a multiple of `model.trim`,
// so that examples of one size go through the network together. A kept cell stays where it is: position P + canvas r + c, as
// in the whole canvas (spec 1.5). What changes against the official code: PAD cells that are not kept neither attend nor are
// attended to.
import type { ModelConfig } from '../config/run-config.js'
import { below, type Words } from '../rng/draws.js'
import { PAD } from './tokens.js'

/** Rows and columns of the canvas that something takes up. */
export interface Box {
  readonly row: number
  readonly col: number
  readonly rows: number
  readonly cols: number
}

/** Around everything in these grids of tokens that is not PAD; a single cell, where nothing is. */
export function boxAround(canvas: number, ...grids: readonly Uint8Array[]): Box {
  let [top, left, bottom, right] = [canvas, canvas, -1, -1]
  for (const tokens of grids)
    for (let r = 0, at = 0; r < canvas; r++)
      for (let c = 0; c < canvas; c++, at++) {
        if (tokens[at] === PAD) continue
        top = Math.min(top, r)
        bottom = r
        left = Math.min(left, c)
        right = Math.max(right, c)
      }
  if (bottom < 0) return { row: 0, col: 0, rows: 1, cols: 1 }
  return { row: top, col: left, rows: bottom - top + 1, cols: right - left + 1 }
}

/**
 * The box with 0 to `margin` more rows or columns at each of its four sides, as far as the canvas goes: so that what is kept says
 * less of how large a solution is. At test time the solution's size is not known, and what is kept is a guess.
 */
export function withMargins({ row, col, rows, cols }: Box, canvas: number, margin: number, rng: Words): Box {
  if (margin === 0) return { row, col, rows, cols }
  const [up, down, left, right] = [0, 0, 0, 0].map(() => below(rng, margin + 1)) as [number, number, number, number]
  const [top, start] = [Math.max(0, row - up), Math.max(0, col - left)]
  const [bottom, end] = [Math.min(canvas, row + rows + down), Math.min(canvas, col + cols + right)]
  return { row: top, col: start, rows: bottom - top, cols: end - start }
}

/** How many cells of the canvas are kept for a box: a multiple of `trim`, or all of them. */
export const keptCount = ({ rows, cols }: Box, canvas: number, trim: number): number =>
  Math.min(canvas * canvas, Math.ceil((rows * cols) / trim) * trim)

/** Which: the box, then ring after ring around it, each from its upper left; in the order of the canvas. */
export function keptCells(box: Box, canvas: number, trim: number): Int32Array {
  const count = keptCount(box, canvas, trim)
  const { row, col, rows, cols } = box
  const kept: number[] = []
  for (let ring = 0; kept.length < count; ring++) {
    const [top, left] = [row - ring, col - ring]
    const [bottom, right] = [row + rows - 1 + ring, col + cols - 1 + ring]
    for (let r = Math.max(0, top); r <= Math.min(canvas - 1, bottom) && kept.length < count; r++) {
      // Of the box itself everything; of a ring its edge.
      const whole = ring === 0 || r === top || r === bottom
      for (let c = Math.max(0, left); c <= Math.min(canvas - 1, right) && kept.length < count; c++)
        if (whole || c === left || c === right) kept.push(r * canvas + c)
    }
  }
  return Int32Array.from(kept).sort()
}

/** The side of the canvas of a model that trims. */
export const canvasOf = ({ seqLen }: Pick<ModelConfig, 'seqLen'>): number => Math.sqrt(seqLen)
