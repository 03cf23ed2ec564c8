// Rules about objects: count them, sort them, find the largest, fill what they enclose, clear away dust.
import { between, range, shuffled } from '../../rng/draws.js'
import type { Words } from '../../rng/draws.js'
import type { Grid } from '../grid.js'
import { at, colours, dots, grid, mapped, noise, only, painted, shapes, side, type Family } from './family.js'

/** A few rectangles that do not touch, in the colours of `palette` in turn. */
function rectangles(rng: Words, canvas: number, palette: readonly number[]): Grid {
  let drawn = grid(side(rng, canvas, 5), side(rng, canvas, 5), () => 0)
  for (const ink of palette) {
    const [rows, cols] = [between(rng, 1, Math.ceil(drawn.rows / 2)), between(rng, 1, Math.ceil(drawn.cols / 2))]
    const [top, left] = [between(rng, 0, drawn.rows - rows), between(rng, 0, drawn.cols - cols)]
    const free = range((rows + 2) * (cols + 2)).every(
      (i) => at(drawn, top - 1 + Math.floor(i / (cols + 2)), left - 1 + (i % (cols + 2))) === 0,
    )
    if (free)
      drawn = painted(
        drawn,
        range(rows * cols).map((i) => [top + Math.floor(i / cols), left + (i % cols), ink] as const),
      )
  }
  return drawn
}

/** Only the object with the most cells stays. */
export const KEEP_LARGEST: Family = {
  name: 'keep-largest',
  rule: (rng, canvas) => {
    const palette = colours(rng, 4)
    return {
      input: (draw) => rectangles(draw, canvas, shuffled(draw, palette)),
      solve: (input) => {
        const largest = only(shapes(input), (shape) => shape.cells.length)
        const empty = mapped(input, () => 0)
        return largest === undefined
          ? undefined
          : painted(
              empty,
              largest.cells.map(([r, c]) => [r, c, largest.colour] as const),
            )
      },
    }
  },
}

/** The object with the fewest cells takes another colour. */
export const MARK_SMALLEST: Family = {
  name: 'mark-smallest',
  rule: (rng, canvas) => {
    const [ink, mark] = colours(rng, 2) as [number, number]
    return {
      input: (draw) => rectangles(draw, canvas, [ink, ink, ink, ink]),
      solve: (input) => {
        const all = shapes(input)
        const smallest = only(all, (shape) => -shape.cells.length)
        return smallest === undefined || all.length < 2
          ? undefined
          : painted(
              input,
              smallest.cells.map(([r, c]) => [r, c, mark] as const),
            )
      },
    }
  },
}

/** Dots that touch nothing of their colour disappear. */
export const CLEAR_DUST: Family = {
  name: 'clear-dust',
  rule: (rng, canvas) => {
    const [ink] = colours(rng, 1) as [number]
    return {
      input: (draw) => noise(draw, side(draw, canvas, 4), side(draw, canvas, 4), [0, 0, ink]),
      solve: (input) => {
        const all = shapes(input)
        const dust = all.filter((shape) => shape.cells.length === 1)
        if (dust.length === 0 || dust.length === all.length) return undefined
        return painted(
          input,
          dust.flatMap((shape) => shape.cells.map(([r, c]) => [r, c, 0] as const)),
        )
      },
    }
  },
}

/** The inside of a box is filled. */
export const FILL_BOX: Family = {
  name: 'fill-box',
  rule: (rng, canvas) => {
    const [wall, fill] = colours(rng, 2) as [number, number]
    return {
      input: (draw) => {
        const empty = grid(side(draw, canvas, 4), side(draw, canvas, 4), () => 0)
        const [rows, cols] = [between(draw, 3, empty.rows), between(draw, 3, empty.cols)]
        const [top, left] = [between(draw, 0, empty.rows - rows), between(draw, 0, empty.cols - cols)]
        const box = range(rows * cols).map((i) => [Math.floor(i / cols), i % cols] as const)
        return painted(
          empty,
          box
            .filter(([r, c]) => r === 0 || c === 0 || r === rows - 1 || c === cols - 1)
            .map(([r, c]) => [top + r, left + c, wall] as const),
        )
      },
      solve: (input) => {
        // Inside is every empty cell with a wall on all four sides.
        const walled = (r: number, c: number, dr: number, dc: number): boolean => {
          for (let [i, j] = [r, c]; i >= 0 && j >= 0 && i < input.rows && j < input.cols; i += dr, j += dc)
            if (at(input, i, j) === wall) return true
          return false
        }
        return mapped(input, (cell, r, c) =>
          cell === 0 && walled(r, c, 1, 0) && walled(r, c, -1, 0) && walled(r, c, 0, 1) && walled(r, c, 0, -1)
            ? fill
            : cell,
        )
      },
    }
  },
}

/** The answer is a row with one cell for every dot. */
export const COUNT: Family = {
  name: 'count',
  rule: (rng, canvas) => {
    const [ink, other] = colours(rng, 2) as [number, number]
    return {
      input: (draw) => {
        const [rows, cols] = [side(draw, canvas, 3), side(draw, canvas, 3)]
        const counted = dots(draw, rows, cols, between(draw, 1, Math.min(canvas, 5)), [ink])
        return mapped(counted, (cell) => (cell === 0 && between(draw, 0, 9) === 0 ? other : cell))
      },
      solve: (input) => {
        const count = input.cells.filter((cell) => cell === ink).length
        return grid(1, Math.min(canvas, 5), (_, c) => (c < count ? ink : 0))
      },
    }
  },
}

/** Bars that stand on the floor are sorted by height. */
export const SORT_BARS: Family = {
  name: 'sort-bars',
  rule: (rng, canvas) => {
    const [ink] = colours(rng, 1) as [number]
    const bars = (rows: number, heights: readonly number[]): Grid =>
      grid(rows, heights.length, (r, c) => (rows - r <= (heights[c] as number) ? ink : 0))
    return {
      input: (draw) => {
        const rows = side(draw, canvas, 3)
        return bars(
          rows,
          range(side(draw, canvas, 3)).map(() => between(draw, 0, rows)),
        )
      },
      solve: (input) => {
        const heights = range(input.cols).map((c) => range(input.rows).filter((r) => at(input, r, c) !== 0).length)
        return bars(
          input.rows,
          heights.sort((a, b) => a - b),
        )
      },
    }
  },
}

/** Rows are sorted by how many coloured cells they have. */
export const SORT_ROWS: Family = {
  name: 'sort-rows',
  rule: (rng, canvas) => {
    const palette = colours(rng, 4)
    return {
      input: (draw) => {
        const cols = side(draw, canvas, 3)
        const lengths = shuffled(draw, range(cols + 1)).slice(0, Math.min(side(draw, canvas, 3), cols + 1))
        const inks = lengths.map(() => palette[between(draw, 0, palette.length - 1)] as number)
        return grid(lengths.length, cols, (r, c) => (c < (lengths[r] as number) ? (inks[r] as number) : 0))
      },
      solve: (input) => {
        const count = (r: number): number => range(input.cols).filter((c) => at(input, r, c) !== 0).length
        const order = range(input.rows).sort((a, b) => count(a) - count(b))
        return grid(input.rows, input.cols, (r, c) => at(input, order[r] as number, c))
      },
    }
  },
}
