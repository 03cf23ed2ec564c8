// Rules that complete what is half there: mirror images, quarters, repeating patterns.
import { between, range } from '../../rng/draws.js'
import { dihedral } from '../grid.js'
import { at, colours, grid, mapped, noise, painted, side, type Family } from './family.js'

/** The empty right (or lower) half becomes the mirror image of the other. */
const mirror = (name: string, turned: boolean): Family => ({
  name,
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 2)]
    const turnIf = (base: ReturnType<typeof noise>): typeof base => (turned ? dihedral(base, 6) : base)
    return {
      input: (draw) => {
        const [rows, cols] = [side(draw, canvas, 3), side(draw, canvas, 3)]
        const full = noise(draw, rows, cols, palette)
        return turnIf(mapped(full, (cell, _, c) => (c < Math.ceil(cols / 2) ? cell : 0)))
      },
      solve: (input) => {
        const base = turnIf(input)
        return turnIf(grid(base.rows, base.cols, (r, c) => at(base, r, Math.min(c, base.cols - 1 - c))))
      },
    }
  },
})

export const MIRROR_RIGHT = mirror('mirror-right', false)
export const MIRROR_DOWN = mirror('mirror-down', true)

/** The upper left quarter is reflected into the other three. */
export const FOURFOLD: Family = {
  name: 'fourfold',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 2)]
    return {
      input: (draw) => {
        const [rows, cols] = [side(draw, canvas, 3), side(draw, canvas, 3)]
        const full = noise(draw, rows, cols, palette)
        return mapped(full, (cell, r, c) => (r < Math.ceil(rows / 2) && c < Math.ceil(cols / 2) ? cell : 0))
      },
      solve: (input) =>
        grid(input.rows, input.cols, (r, c) =>
          at(input, Math.min(r, input.rows - 1 - r), Math.min(c, input.cols - 1 - c)),
        ),
    }
  },
}

/** A pattern that repeats along the rows has a hole (in one colour); fill it. */
export const REPAIR: Family = {
  name: 'repair',
  rule: (rng, canvas) => {
    const [hole, ...palette] = colours(rng, 4) as [number, number, number, number]
    const period = between(rng, 2, 3)
    return {
      input: (draw) => {
        const [rows, cols] = [side(draw, canvas, 4), side(draw, canvas, 4)]
        const tile = noise(draw, 1, period, palette)
        // Each row is the tile moved on by one, so that every colour is still seen when a corner is gone.
        const whole = grid(rows, cols, (r, c) => at(tile, 0, (r + c) % period))
        const [top, left] = [between(draw, 0, rows - 2), between(draw, 0, cols - 2)]
        return painted(whole, range(4).map((i) => [top + (i >> 1), left + (i & 1), hole] as const)) // prettier-ignore
      },
      solve: (input) => {
        const tile = range(period).map((phase) => {
          for (let r = 0; r < input.rows; r++)
            for (let c = 0; c < input.cols; c++)
              if ((r + c) % period === phase && at(input, r, c) !== hole) return at(input, r, c)
          return 0
        })
        return mapped(input, (cell, r, c) => (cell === hole ? (tile[(r + c) % period] as number) : cell))
      },
    }
  },
}

/** A column of colours is repeated over the whole grid. */
export const SMEAR: Family = {
  name: 'smear',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 3)]
    return {
      input: (draw) => {
        const full = noise(draw, side(draw, canvas, 2), side(draw, canvas, 2), palette)
        return mapped(full, (cell, _, c) => (c === 0 ? cell : 0))
      },
      solve: (input) => mapped(input, (_, r) => at(input, r, 0)),
    }
  },
}
