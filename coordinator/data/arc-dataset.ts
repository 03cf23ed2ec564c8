// ARC data ready to train on: subsets of tasks, their pool, and all grids in shared memory.
import type { Grid } from '../../shared/arc/grid.js'
import { turns } from '../../shared/arc/grid.js'
import { buildPool, type Group, type Pool } from '../../shared/arc/pool.js'
import { extent, type Pair, type Task } from '../../shared/arc/task.js'
import { ARC_VOCAB } from '../../shared/arc/tokens.js'
import type { DataConfig } from '../../shared/config/run-config.js'
import { Sha256 } from '../../shared/hash.js'
import { ArcEvaluation } from './arc-evaluation.js'
import type { ArcGrids, Reference } from './encode.js'
import type { Dataset, EvaluationLimits, EvaluationSet } from './example-source.js'
import type { Folder } from './folder.js'
import type { Choice, Lot } from './sampler.js'

/** Word 0 .. 2^32-1 as a whole number 0 .. most. */
const spread = (word: number, most: number): number => Math.floor((word / 0x100000000) * (most + 1))

function hashTasks({ subsets, testSubset }: Folder): string {
  const hash = new Sha256().update(JSON.stringify(testSubset))
  const absorb = (grid: Grid | undefined): void => {
    hash.update(grid === undefined ? '-' : `${grid.rows},${grid.cols};`)
    if (grid !== undefined) hash.update(grid.cells)
  }
  for (const subset of subsets) {
    hash.update(JSON.stringify(['subset', subset.name, subset.tasks.length]))
    for (const task of subset.tasks) {
      hash.update(JSON.stringify([task.name, task.pairs.map((pair) => pair.split)]))
      for (const { input, output } of task.pairs) {
        absorb(input)
        absorb(output)
      }
    }
  }
  return hash.hex()
}

/** All grids one after the other; grid 2k is the input of pair k, grid 2k + 1 its output (the input again if unknown). */
function share(pool: Pool): { grids: ArcGrids; firstPair: Map<Task, number> } {
  const pairs = pool.groups.flatMap(({ task }) => task.pairs)
  const all = pairs.flatMap(({ input, output }) => [input, output ?? input])
  const bytes = all.reduce((sum, grid) => sum + grid.cells.length, 0)
  const cells = new Uint8Array(new SharedArrayBuffer(bytes))
  const table = new Uint32Array(new SharedArrayBuffer(12 * all.length))
  let at = 0
  all.forEach((grid, i) => {
    cells.set(grid.cells, at)
    table.set([at, grid.rows, grid.cols], 3 * i)
    at += grid.cells.length
  })
  const firstPair = new Map<Task, number>()
  let pair = 0
  for (const { task } of pool.groups) {
    firstPair.set(task, pair)
    pair += task.pairs.length
  }
  return { grids: { kind: 'arc', canvas: pool.config.canvas, cells, table }, firstPair }
}

export class ArcDataset implements Dataset {
  readonly vocab = ARC_VOCAB
  readonly numPuzzles: number
  readonly hash: string
  readonly description: string
  readonly lots: readonly Lot[]
  readonly grids: ArcGrids
  readonly pool: Pool
  private readonly firstPuzzle: number
  private readonly firstPair: Map<Task, number>
  private readonly testTasks: readonly Task[]

  /** @param origin which data this is, for people */
  constructor(folder: Folder, config: DataConfig, origin: string) {
    const { canvas, augmentations, poolSeed, firstPuzzle } = config
    this.pool = buildPool(folder.subsets, { seed: poolSeed, augmentations, canvas, testSubset: folder.testSubset })
    const { grids, firstPair } = share(this.pool)
    this.grids = grids
    this.firstPair = firstPair
    this.testTasks = folder.subsets.find(({ name }) => name === folder.testSubset)?.tasks ?? []
    this.firstPuzzle = firstPuzzle
    this.numPuzzles = firstPuzzle + this.pool.puzzles
    this.lots = this.pool.groups.map(({ from, to, train }) => ({ from, to, examples: train.length }))
    // From before there was a choice, 1 says nothing.
    const numbering = firstPuzzle === 1 ? [] : [firstPuzzle]
    const facts = [hashTasks(folder), canvas, augmentations, poolSeed, ...numbering]
    this.hash = new Sha256().update(JSON.stringify(facts)).hex()
    this.description = describeData(this.pool, origin)
  }

  refer({ lot, puzzle, example, place }: Choice): { puzzle: number; reference: Reference } {
    const group = this.pool.groups[lot] as Group
    const index = group.train[example] as number
    const pair = group.task.pairs[index] as Pair
    const code = this.pool.codes[puzzle] as number
    const [row, col] =
      place === 'corner'
        ? [0, 0]
        : place === 'built'
          ? this.built(group, puzzle, example)
          : this.placed(pair, code, place)
    const first = 2 * ((this.firstPair.get(group.task) as number) + index)
    return { puzzle: this.firstPuzzle + puzzle, reference: [first, first + 1, code, row, col] }
  }

  evaluation(limits: EvaluationLimits): EvaluationSet {
    return new ArcEvaluation(this.pool, this.testTasks, limits, this.firstPuzzle)
  }

  private built({ from, train, firstExample }: Group, puzzle: number, example: number): readonly [number, number] {
    const at = 2 * (firstExample + (puzzle - from) * train.length + example)
    return [this.pool.offsets[at] as number, this.pool.offsets[at + 1] as number]
  }

  private placed(
    { input, output = input }: Pair,
    code: number,
    [down, right]: readonly [number, number],
  ): [number, number] {
    const { canvas } = this.pool.config
    const room = [canvas - Math.max(input.rows, output.rows), canvas - Math.max(input.cols, output.cols)] as const
    const turned = turns(code & 7)
    return [spread(down, room[turned ? 1 : 0]), spread(right, room[turned ? 0 : 1])]
  }
}

function describeData(pool: Pool, origin: string): string {
  const { canvas } = pool.config
  const tests = pool.testGroups.reduce((sum, group) => sum + group.test.length, 0)
  const largest = Math.max(...pool.groups.map(({ task }) => extent(task)))
  const parts = [
    `${origin}: ${pool.groups.length} tasks, ${pool.puzzles} puzzles with augmentations, ${tests} test pairs held out`,
    `grids up to ${largest} on a canvas of ${canvas}`,
  ]
  if (pool.leftOut.length > 0) parts.push(`${pool.leftOut.length} tasks left out: larger than the canvas`)
  return parts.join('; ')
}
