// Rules that draw lines: from dots to the rim, between dots, around dots.
import { between, pick, range } from '../../rng/draws.js'
import type { Grid } from '../grid.js'
import { at, colours, dots, painted, side, type Family } from './family.js'

type Stroke = readonly [row: number, col: number, colour: number]

const marks = (input: Grid): Stroke[] =>
  [...input.cells.entries()]
    .filter(([, cell]) => cell !== 0)
    .map(([i, cell]) => [Math.floor(i / input.cols), i % input.cols, cell] as const)

const row = ({ cols }: Grid, r: number, ink: number): Stroke[] => range(cols).map((c) => [r, c, ink] as const)
const column = ({ rows }: Grid, c: number, ink: number): Stroke[] => range(rows).map((r) => [r, c, ink] as const)

/** Inputs with a few dots, no two in one row or column. */
const sparse =
  (canvas: number, palette: readonly number[], most: number) =>
  (draw: Parameters<typeof side>[0]): Grid =>
    dots(draw, side(draw, canvas, 3), side(draw, canvas, 3), between(draw, 1, most), palette)

const apart = (strokes: readonly Stroke[]): boolean =>
  new Set(strokes.map(([r]) => r)).size === strokes.length && new Set(strokes.map(([, c]) => c)).size === strokes.length

/** Every dot colours its row (or, in other tasks, its column). */
export const FILL_LINE: Family = {
  name: 'fill-line',
  rule: (rng, canvas) => {
    const palette = colours(rng, 3)
    const draws = pick(rng, [row, column])
    const across = draws === row
    return {
      input: sparse(canvas, palette, 2),
      solve: (input) => {
        const all = marks(input)
        return apart(all)
          ? painted(
              input,
              all.flatMap(([r, c, ink]) => draws(input, across ? r : c, ink)),
            )
          : undefined
      },
    }
  },
}

/** A dot colours its row and its column. */
export const CROSS: Family = {
  name: 'cross',
  rule: (rng, canvas) => {
    const palette = colours(rng, 3)
    return {
      input: sparse(canvas, palette, 1),
      solve: (input) =>
        painted(
          input,
          marks(input).flatMap(([r, c, ink]) => [...row(input, r, ink), ...column(input, c, ink)]),
        ),
    }
  },
}

/** A dot sends rays along both diagonals. */
export const DIAGONALS: Family = {
  name: 'diagonals',
  rule: (rng, canvas) => {
    const [ink, ray] = colours(rng, 2) as [number, number]
    return {
      input: sparse(canvas, [ink], 1),
      solve: (input) => {
        const reach = range(Math.max(input.rows, input.cols)).slice(1)
        const strokes = marks(input).flatMap(([r, c]) =>
          reach.flatMap((d): Stroke[] => [
            [r - d, c - d, ray],
            [r - d, c + d, ray],
            [r + d, c - d, ray],
            [r + d, c + d, ray],
          ]),
        )
        return painted(input, strokes)
      },
    }
  },
}

/** Every dot is ringed by its eight neighbours. */
export const HALO: Family = {
  name: 'halo',
  rule: (rng, canvas) => {
    const [ink, ring] = colours(rng, 2) as [number, number]
    return {
      input: sparse(canvas, [ink], 2),
      solve: (input) => {
        const all = marks(input)
        const around = all.flatMap(([r, c]) =>
          [-1, 0, 1].flatMap((dr) => [-1, 0, 1].map((dc): Stroke => [r + dr, c + dc, ring])),
        )
        return painted(painted(input, around), all)
      },
    }
  },
}

/** Two dots of one colour in one row or column are joined. */
export const CONNECT: Family = {
  name: 'connect',
  rule: (rng, canvas) => {
    const [ink, thread] = colours(rng, 2) as [number, number]
    return {
      input: (draw) => {
        const [rows, cols] = [side(draw, canvas, 3), side(draw, canvas, 3)]
        const empty = dots(draw, rows, cols, 0, [ink])
        if (pick(draw, [true, false])) {
          const r = between(draw, 0, rows - 1)
          const left = between(draw, 0, cols - 3)
          return painted(empty, [[r, left, ink], [r, between(draw, left + 2, cols - 1), ink]]) // prettier-ignore
        }
        const c = between(draw, 0, cols - 1)
        const top = between(draw, 0, rows - 3)
        return painted(empty, [[top, c, ink], [between(draw, top + 2, rows - 1), c, ink]]) // prettier-ignore
      },
      solve: (input) => {
        const [a, b] = marks(input) as [Stroke, Stroke]
        const far = Math.max(b[0] - a[0], b[1] - a[1])
        const [dr, dc] = [Math.sign(b[0] - a[0]), Math.sign(b[1] - a[1])]
        return painted(
          input,
          range(far - 1).map((i): Stroke => [a[0] + dr * (i + 1), a[1] + dc * (i + 1), thread]),
        )
      },
    }
  },
}

/** A dot falls in a straight line and leaves a trail to the rim. */
export const TRAIL: Family = {
  name: 'trail',
  rule: (rng, canvas) => {
    const palette = colours(rng, 3)
    const [dr, dc] = pick(rng, [[1, 0], [0, 1], [-1, 0], [0, -1]] as const) // prettier-ignore
    return {
      input: sparse(canvas, palette, 3),
      solve: (input) => {
        const all = marks(input)
        if (!apart(all)) return undefined
        const reach = range(Math.max(input.rows, input.cols))
        return painted(
          input,
          all.flatMap(([r, c, ink]) => reach.map((d): Stroke => [r + dr * d, c + dc * d, ink])),
        )
      },
    }
  },
}

/** Lines of one colour run over the grid; where a row and a column cross, the crossing is marked. */
export const CROSSINGS: Family = {
  name: 'crossings',
  rule: (rng, canvas) => {
    const [ink, mark] = colours(rng, 2) as [number, number]
    return {
      input: (draw) => {
        const empty = dots(draw, side(draw, canvas, 4), side(draw, canvas, 4), 0, [ink])
        return painted(empty, [
          ...row(empty, between(draw, 0, empty.rows - 1), ink),
          ...column(empty, between(draw, 0, empty.cols - 1), ink),
        ])
      },
      solve: (input) => {
        const full = (line: Stroke[]): boolean => line.every(([r, c]) => at(input, r, c) === ink)
        const strokes = marks(input)
          .filter(([r, c]) => full(row(input, r, ink)) && full(column(input, c, ink)))
          .map(([r, c]): Stroke => [r, c, mark])
        return painted(input, strokes)
      },
    }
  },
}
