// How much of the canvas the official tasks fill: cells kept of training examples as they are drawn, translations included, the
// FLOPs that are left (modelled, shared/flops.ts), and how many solutions a guess of the size at test time would lose.
import { openExampleSource, openTasks } from '../../../coordinator/data/open.js'
import { expectedBox } from '../../../shared/arc/expected-box.js'
import { boxAround, keptCells, keptCount, type Box } from '../../../shared/arc/trim.js'
import { compileConfig } from '../../../shared/config/compile.js'
import { flopsOf } from '../../../shared/flops.js'
import type { Task } from '../../../shared/arc/task.js'

export type Preset = 'arc1' | 'arc2'

export interface Sizes {
  readonly boxes: readonly Box[]
  /** The same with the corner of the canvas: what a bucket would hold that always begins there. */
  readonly corners: readonly Box[]
  readonly tasks: readonly Task[]
}

/** Fewer augmentations than the official 1000: they turn and recolour, and change no size. */
const AUGMENTATIONS = 20

export async function sizesOf(preset: Preset, cacheDir: string, draws: number): Promise<Sizes> {
  const { data, model, train } = compileConfig({
    preset,
    env: {},
    flags: { 'data.augmentations': String(AUGMENTATIONS) },
  })
  const source = await openExampleSource(data, 0, train.slots, { cacheDir, threads: 0 })
  const { canvas } = data
  const boxes: Box[] = []
  for (let i = 0; i < draws; i++) {
    const { inputs, labels } = await source.example(i % train.slots, Math.floor(i / train.slots))
    boxes.push(boxAround(canvas, inputs, labels))
  }
  await source.close()
  const { folder } = await openTasks(data, cacheDir)
  const tasks = folder.subsets.find(({ name }) => name === folder.testSubset)?.tasks ?? []
  const corners = boxes.map(({ row, col, rows, cols }) => ({ row: 0, col: 0, rows: row + rows, cols: col + cols }))
  return { boxes, corners, tasks: model.seqLen === canvas ** 2 ? tasks : [] }
}

/** Modelled FLOPs of a training step of such samples, as a share of whole canvases. */
export function shareOfFlops(cells: readonly number[], preset: Preset): number {
  const { model } = compileConfig({ preset, env: {}, flags: {} })
  const known = new Map<number, number>()
  const flops = (seqLen: number): number => {
    const all = known.get(seqLen) ?? flopsOf({ ...model, seqLen }).train
    known.set(seqLen, all)
    return all
  }
  return cells.reduce((sum, count) => sum + flops(count), 0) / cells.length / flops(model.seqLen)
}

/** Cells of square buckets of the given sides. */
export const squares = (boxes: readonly Box[], sides: readonly number[], canvas: number): number[] =>
  boxes.map(({ rows, cols }) => (sides.find((side) => side >= Math.max(rows, cols)) ?? canvas) ** 2)

export const keptCounts = (boxes: readonly Box[], canvas: number, trim: number): number[] =>
  boxes.map((box) => keptCount(box, canvas, trim))

/** The corner that holds the test input and every shown output, without a thought about growth. */
function plainBox(task: Task, pair: number, canvas: number): Box {
  const grids = task.pairs.flatMap(({ split, output }) => (split === 'train' && output !== undefined ? [output] : []))
  const all = [task.pairs[pair]?.input, ...grids].filter((grid) => grid !== undefined)
  const along = (side: 'rows' | 'cols'): number => Math.min(canvas, Math.max(...all.map((grid) => grid[side])) + 1)
  return { row: 0, col: 0, rows: along('rows'), cols: along('cols') }
}

export const RULES: Readonly<Record<string, (task: Task, pair: number, canvas: number) => Box>> = {
  'input and shown outputs': plainBox,
  'and the growth of shown pairs': (task, pair, canvas) => expectedBox(task, pair, canvas, 0),
}

/** Test pairs, those whose solution does not fit what a rule keeps, tasks with such a pair, and the cells kept of each pair. */
export function lostBy(
  rule: (task: Task, pair: number, canvas: number) => Box,
  tasks: readonly Task[],
  canvas: number,
  trim: number,
): { pairs: number; lost: number; tasks: number; cells: number[] } {
  let [pairs, lost] = [0, 0]
  const hit = new Set<Task>()
  const cells: number[] = []
  for (const task of tasks)
    task.pairs.forEach(({ split, output }, pair) => {
      if (split !== 'test' || output === undefined) return
      pairs++
      const kept = new Set(keptCells(rule(task, pair, canvas), canvas, trim))
      cells.push(kept.size)
      for (let i = 0; i < output.cells.length; i++) {
        const cell = Math.floor(i / output.cols) * canvas + (i % output.cols)
        if (kept.has(cell)) continue
        lost++
        hit.add(task)
        return
      }
    })
  return { pairs, lost, tasks: hit.size, cells }
}
