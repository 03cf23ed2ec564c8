// Rules that move nothing and change colours: cell by cell, or by what the grid as a whole shows.
import { pick, range, sample } from '../../rng/draws.js'
import { colours, grid, mapped, noise, only, side, type Family } from './family.js'

/** Two colours change places. */
export const SWAP_COLOURS: Family = {
  name: 'swap-colours',
  rule: (rng, canvas) => {
    const [a, b, other] = colours(rng, 3) as [number, number, number]
    return {
      input: (draw) => noise(draw, side(draw, canvas), side(draw, canvas), [0, a, b, other]),
      solve: (input) => mapped(input, (cell) => (cell === a ? b : cell === b ? a : cell)),
    }
  },
}

/** One colour becomes another. */
export const REPLACE_COLOUR: Family = {
  name: 'replace-colour',
  rule: (rng, canvas) => {
    const [from, to, other] = colours(rng, 3) as [number, number, number]
    return {
      input: (draw) => noise(draw, side(draw, canvas), side(draw, canvas), [0, from, other]),
      solve: (input) => mapped(input, (cell) => (cell === from ? to : cell)),
    }
  },
}

/** Background and figure change places. */
export const INVERT: Family = {
  name: 'invert',
  rule: (rng, canvas) => {
    const [ink] = colours(rng, 1) as [number]
    return {
      input: (draw) => noise(draw, side(draw, canvas), side(draw, canvas), [0, ink]),
      solve: (input) => mapped(input, (cell) => (cell === 0 ? ink : 0)),
    }
  },
}

/** Three colours move on by one: a becomes b, b becomes c, c becomes a. */
export const CYCLE_COLOURS: Family = {
  name: 'cycle-colours',
  rule: (rng, canvas) => {
    const ring = colours(rng, 3)
    return {
      input: (draw) => noise(draw, side(draw, canvas), side(draw, canvas), [0, ...ring]),
      solve: (input) => mapped(input, (cell) => (cell === 0 ? 0 : (ring[(ring.indexOf(cell) + 1) % 3] as number))),
    }
  },
}

/** Only one colour stays. */
export const KEEP_COLOUR: Family = {
  name: 'keep-colour',
  rule: (rng, canvas) => {
    const palette = colours(rng, 3)
    const [kept] = palette
    return {
      input: (draw) => noise(draw, side(draw, canvas), side(draw, canvas), [0, ...palette]),
      solve: (input) => mapped(input, (cell) => (cell === kept ? cell : 0)),
    }
  },
}

/** The whole grid takes the colour that is most frequent in it. */
export const MOST_FREQUENT: Family = {
  name: 'most-frequent',
  rule: (rng, canvas) => {
    const palette = colours(rng, 5)
    return {
      input: (draw) => {
        const three = sample(draw, palette, 3)
        return noise(draw, side(draw, canvas), side(draw, canvas), [...three, pick(draw, three)])
      },
      solve: (input) => {
        const most = only(range(10), (c) => input.cells.filter((cell) => cell === c).length)
        return most === undefined ? undefined : mapped(input, () => most)
      },
    }
  },
}

/** Coloured cells of every other row take a second colour. */
export const STRIPE_ROWS: Family = {
  name: 'stripe-rows',
  rule: (rng, canvas) => {
    const [ink, second] = colours(rng, 2) as [number, number]
    const odd = pick(rng, [0, 1])
    return {
      input: (draw) => noise(draw, side(draw, canvas), side(draw, canvas), [0, ink]),
      solve: (input) => mapped(input, (cell, r) => (cell === ink && r % 2 === odd ? second : cell)),
    }
  },
}

/** Empty cells on the rim are coloured. */
export const FRAME: Family = {
  name: 'frame',
  rule: (rng, canvas) => {
    const [ink, edge] = colours(rng, 2) as [number, number]
    return {
      input: (draw) => noise(draw, side(draw, canvas, 3), side(draw, canvas, 3), [0, 0, ink]),
      solve: ({ rows, cols, cells }) =>
        grid(rows, cols, (r, c) => {
          const cell = cells[r * cols + c] as number
          const rim = r === 0 || c === 0 || r === rows - 1 || c === cols - 1
          return cell === 0 && rim ? edge : cell
        }),
    }
  },
}
