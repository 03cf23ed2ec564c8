// How much of the canvas a test pair may need, told without looking at its solution: a guess from the shown pairs, which can
// be wrong. A solution that is larger is lost; `npm run bench -- trimming` counts how many of the official tasks that costs.
import { turns } from './grid.js'
import type { Task } from './task.js'
import type { Box } from './trim.js'

/**
 * The corner that holds the test input; every shown output; and, where outputs are larger than their inputs, the test input
 * as many times larger; each with its end marks.
 * @param pair index into task.pairs
 * @param transform of the augmentation: it may swap rows with columns
 */
export function expectedBox(task: Task, pair: number, canvas: number, transform: number): Box {
  const asked = task.pairs[pair]?.input ?? { rows: canvas, cols: canvas }
  const along = (side: 'rows' | 'cols'): number => {
    const shown = task.pairs.flatMap(({ split, input, output }) =>
      split === 'train' && output !== undefined ? [{ input: input[side], output: output[side] }] : [],
    )
    const growth = Math.max(1, ...shown.map(({ input, output }) => output / input))
    const grid = Math.max(Math.ceil(asked[side] * growth), ...shown.map(({ output }) => output))
    return Math.min(canvas, grid + 1)
  }
  const [rows, cols] = turns(transform) ? [along('cols'), along('rows')] : [along('rows'), along('cols')]
  return { row: 0, col: 0, rows, cols }
}
