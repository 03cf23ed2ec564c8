// Rules that move every cell and change no colour: flips, turns, shifts, and falling.
import { between, pick } from '../../rng/draws.js'
import { dihedral, type Grid } from '../grid.js'
import { at, colours, grid, noise, side, type Family } from './family.js'

/** Turns the whole grid; `transform` is a dihedral of grid.ts. */
const turn = (name: string, transform: number): Family => ({
  name,
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 3)]
    return {
      input: (draw) => noise(draw, side(draw, canvas), side(draw, canvas), palette),
      solve: (input) => dihedral(input, transform),
    }
  },
})

export const FLIP_LEFT_RIGHT = turn('flip-left-right', 4)
export const FLIP_UP_DOWN = turn('flip-up-down', 5)
export const TRANSPOSE = turn('transpose', 6)
export const ROTATE_HALF = turn('rotate-half', 2)
export const ROTATE_LEFT = turn('rotate-left', 1)
export const ROTATE_RIGHT = turn('rotate-right', 3)
export const ANTI_TRANSPOSE = turn('anti-transpose', 7)

const STEPS = [[0, 1], [1, 0], [0, -1], [-1, 0]] as const // prettier-ignore

/** Everything moves by one step; what leaves is lost. */
export const SHIFT: Family = {
  name: 'shift',
  rule: (rng, canvas) => {
    const palette = [0, 0, ...colours(rng, 3)]
    const [down, right] = pick(rng, STEPS)
    return {
      input: (draw) => noise(draw, side(draw, canvas, 3), side(draw, canvas, 3), palette),
      solve: (input) => grid(input.rows, input.cols, (r, c) => at(input, r - down, c - right)),
    }
  },
}

/** Everything moves and comes in again on the other side. */
export const ROLL: Family = {
  name: 'roll',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 3)]
    const [down, right] = pick(rng, STEPS)
    const far = between(rng, 1, 2)
    return {
      input: (draw) => noise(draw, side(draw, canvas, 3), side(draw, canvas, 3), palette),
      solve: ({ rows, cols, cells }) =>
        grid(rows, cols, (r, c) => {
          const row = (r - down * far + 2 * rows) % rows
          const col = (c - right * far + 2 * cols) % cols
          return cells[row * cols + col] as number
        }),
    }
  },
}

/** Cells of each column fall to the floor, keeping their order. */
function fall(input: Grid): Grid {
  const columns = Array.from({ length: input.cols }, (_, c) => {
    const kept = Array.from({ length: input.rows }, (_, r) => at(input, r, c)).filter((cell) => cell !== 0)
    return [...Array.from({ length: input.rows - kept.length }, () => 0), ...kept]
  })
  return grid(input.rows, input.cols, (r, c) => columns[c]?.[r] ?? 0)
}

/** All cells fall to one side. */
export const GRAVITY: Family = {
  name: 'gravity',
  rule: (rng, canvas) => {
    const palette = [0, 0, 0, ...colours(rng, 2)]
    // Falling left is falling down in a turned grid.
    const [there, back] = pick(rng, [[0, 0], [1, 3], [2, 2], [3, 1]] as const) // prettier-ignore
    return {
      input: (draw) => noise(draw, side(draw, canvas, 3), side(draw, canvas, 3), palette),
      solve: (input) => dihedral(fall(dihedral(input, there)), back),
    }
  },
}
