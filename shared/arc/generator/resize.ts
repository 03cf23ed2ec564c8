// Rules whose answer has another size: enlarge, tile, crop, cut in halves.
import { between, pick } from '../../rng/draws.js'
import { dihedral, type Grid } from '../grid.js'
import { at, boundingBox, colours, grid, noise, painted, side, type Family } from './family.js'

const LARGEST_PART = 6
const part = (canvas: number, parts: number): number => Math.max(1, Math.min(LARGEST_PART, Math.floor(canvas / parts)))
const partSide = (draw: Parameters<typeof side>[0], canvas: number, parts: number): number =>
  between(draw, Math.min(2, part(canvas, parts)), part(canvas, parts))

/** Every cell becomes two by two. */
export const ENLARGE: Family = {
  name: 'enlarge',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 4)]
    return {
      input: (draw) => noise(draw, partSide(draw, canvas, 2), partSide(draw, canvas, 2), palette),
      solve: (input) => grid(input.rows * 2, input.cols * 2, (r, c) => at(input, r >> 1, c >> 1)),
    }
  },
}

/** Blocks of two by two become one cell. */
export const SHRINK: Family = {
  name: 'shrink',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 4)]
    return {
      input: (draw) => {
        const small = noise(draw, partSide(draw, canvas, 2), partSide(draw, canvas, 2), palette)
        return grid(small.rows * 2, small.cols * 2, (r, c) => at(small, r >> 1, c >> 1))
      },
      solve: (input) => grid(input.rows / 2, input.cols / 2, (r, c) => at(input, r * 2, c * 2)),
    }
  },
}

/** The grid is repeated, side by side or below. */
export const TILE: Family = {
  name: 'tile',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 4)]
    const [down, right] = pick(rng, [[1, 2], [2, 1], [2, 2]] as const) // prettier-ignore
    return {
      input: (draw) => noise(draw, partSide(draw, canvas, down), partSide(draw, canvas, right), palette),
      solve: (input) =>
        grid(input.rows * down, input.cols * right, (r, c) => at(input, r % input.rows, c % input.cols)),
    }
  },
}

/** The grid and its mirror image, side by side (or below). */
export const REFLECT: Family = {
  name: 'reflect',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 4)]
    const turned = pick(rng, [true, false])
    const wide = (input: Grid): Grid =>
      grid(input.rows, input.cols * 2, (r, c) => at(input, r, c < input.cols ? c : 2 * input.cols - 1 - c))
    return {
      input: (draw) => {
        const [short, long] = [partSide(draw, canvas, 2), partSide(draw, canvas, 1)]
        return turned ? noise(draw, short, long, palette) : noise(draw, long, short, palette)
      },
      solve: (input) => (turned ? dihedral(wide(dihedral(input, 6)), 6) : wide(input)),
    }
  },
}

/** Cut out what is coloured. */
export const CROP: Family = {
  name: 'crop',
  rule: (rng, canvas) => {
    const palette = colours(rng, 3)
    return {
      input: (draw) => {
        const empty = grid(side(draw, canvas, 4), side(draw, canvas, 4), () => 0)
        const [rows, cols] = [between(draw, 1, empty.rows - 1), between(draw, 1, empty.cols - 1)]
        const [top, left] = [between(draw, 0, empty.rows - rows), between(draw, 0, empty.cols - cols)]
        const content = noise(draw, rows, cols, palette)
        return painted(
          empty,
          [...content.cells.entries()].map(
            ([i, cell]) => [top + Math.floor(i / cols), left + (i % cols), cell] as const,
          ),
        )
      },
      solve: (input) => {
        const box = boundingBox(input)
        return box === undefined ? undefined : grid(box.rows, box.cols, (r, c) => at(input, box.top + r, box.left + c))
      },
    }
  },
}

/** The first half of the columns (or rows) is kept. */
export const HALF: Family = {
  name: 'half',
  rule: (rng, canvas) => {
    const palette = [0, ...colours(rng, 3)]
    const turned = pick(rng, [true, false])
    const left = (input: Grid): Grid => grid(input.rows, input.cols / 2, (r, c) => at(input, r, c))
    return {
      input: (draw) => {
        const [even, other] = [2 * partSide(draw, canvas, 2), side(draw, canvas)]
        return turned ? noise(draw, even, other, palette) : noise(draw, other, even, palette)
      },
      solve: (input) => (turned ? dihedral(left(dihedral(input, 6)), 6) : left(input)),
    }
  },
}

/** Two halves beside a line are laid over each other: and, or, exclusive or. */
export const OVERLAY: Family = {
  name: 'overlay',
  rule: (rng, canvas) => {
    const [ink, line, answer] = colours(rng, 3) as [number, number, number]
    const joins: ((a: boolean, b: boolean) => boolean)[] = [(a, b) => a && b, (a, b) => a || b, (a, b) => a !== b]
    const join = pick(rng, joins)
    return {
      input: (draw) => {
        const width = between(draw, Math.min(2, (canvas - 1) >> 1), Math.min(LARGEST_PART, (canvas - 1) >> 1))
        const full = noise(draw, side(draw, canvas), 2 * width + 1, [0, ink])
        return painted(full, [...Array(full.rows).keys()].map((r) => [r, width, line] as const)) // prettier-ignore
      },
      solve: (input) => {
        const width = (input.cols - 1) / 2
        return grid(input.rows, width, (r, c) =>
          join(at(input, r, c) === ink, at(input, r, width + 1 + c) === ink) ? answer : 0,
        )
      },
    }
  },
}
