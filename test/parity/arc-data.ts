// Golden file arc-data: encoding, augmentation, inverse, hashes, crop and a small build, all exact.
import { augment, augmentedName, parseName, unaugment } from '../../shared/arc/augment.js'
import { gridOf, hashGrid, rowsOf, type Grid } from '../../shared/arc/grid.js'
import { hashIdentifiers, hashSplit, officialRows } from '../../shared/arc/official-build.js'
import { buildPool, type Pool } from '../../shared/arc/pool.js'
import { decodeRuns } from '../../shared/arc/runs.js'
import { pythonJson } from '../../shared/arc/submission.js'
import type { Pair, Split, Task } from '../../shared/arc/task.js'
import { crop, encode } from '../../shared/arc/tokens.js'
import { Sha256, sha256 } from '../../shared/hash.js'
import type { GoldenFile } from './golden.js'
import { officialTask } from './kaggle.js'
import type { Comparison } from './report.js'

interface Rows {
  readonly offset: readonly [number, number]
  readonly input: string
  readonly output: string
}
interface TaskGolden {
  readonly subset: string
  readonly id: string
  readonly grid_hashes: readonly [string, string][]
  readonly puzzle_hash: string
  readonly pair: { readonly split: Split; readonly index: number }
  readonly variants: readonly {
    readonly name: string
    readonly puzzle_hash: string
    readonly input_hash: string
    readonly output_hash: string
    readonly max_offset: readonly [number, number]
    readonly rows: readonly Rows[]
    readonly sha256_rows_all_pairs: string
    readonly inverse_of_original_output_hash: string
  }[]
  readonly sha256_rows_original: string
}
interface SplitGolden {
  readonly metadata: {
    readonly num_puzzle_identifiers: number
    readonly total_groups: number
    readonly total_puzzles: number
  }
  readonly arrays: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>
  readonly sample_rows: readonly { readonly example: number; readonly input: string; readonly output: string }[]
}
export interface ArcDataGolden {
  readonly tasks: readonly TaskGolden[]
  readonly inverse: readonly {
    name: string
    grid: number[][]
    task: string
    result: number[][]
    result_size: number[]
  }[]
  readonly crop: readonly { tokens: string; note: string; rows: number; cols: number; cells: string; hash: string }[]
  readonly mini_build: {
    readonly subsets: readonly { readonly name: string; readonly tasks: readonly string[] }[]
    readonly test_set: string
    readonly seed: number
    readonly num_aug: number
    readonly identifiers: readonly string[]
    readonly identifiers_sha256: string
    readonly splits: Readonly<Record<Split, SplitGolden>>
    readonly test_puzzles_sha256: string
  }
}

const CANVAS = 30

const outputOf = (pair: Pair): Grid => {
  if (pair.output === undefined) throw new Error('a golden task has no solution')
  return pair.output
}

/** Train pairs first: the numbering of the golden file. */
const numbered = (task: Task): Pair[] => [
  ...task.pairs.filter((pair) => pair.split === 'train'),
  ...task.pairs.filter((pair) => pair.split === 'test'),
]

const puzzleHash = (pairs: readonly (readonly [Grid, Grid])[]): string =>
  sha256(pairs.map(([input, output]) => `${hashGrid(input)}|${hashGrid(output)}`).sort().join('|')) // prettier-ignore

const rowsHash = (pairs: readonly (readonly [Grid, Grid])[]): string => {
  const hash = new Sha256()
  for (const [input, output] of pairs) hash.update(encode(input, CANVAS)).update(encode(output, CANVAS))
  return hash.hex()
}

function checkTask(golden: TaskGolden, task: Task, comparison: Comparison): void {
  const pairs = numbered(task)
  const grids = pairs.map((pair) => [pair.input, outputOf(pair)] as const)
  comparison.equal(`${golden.id} grid hashes`, grids.map(([a, b]) => [hashGrid(a), hashGrid(b)]), golden.grid_hashes) // prettier-ignore
  comparison.equal(`${golden.id} puzzle hash`, puzzleHash(grids), golden.puzzle_hash)
  comparison.equal(`${golden.id} rows`, rowsHash(grids), golden.sha256_rows_original)
  const own = pairs.filter((pair) => pair.split === golden.pair.split)[golden.pair.index] as Pair
  for (const variant of golden.variants) {
    const { task: base, augmentation } = parseName(variant.name)
    comparison.equal(`${variant.name} name`, augmentedName(base, augmentation), variant.name)
    const augmented = grids.map(([a, b]) => [augment(a, augmentation), augment(b, augmentation)] as const)
    comparison.equal(`${variant.name} puzzle hash`, puzzleHash(augmented), variant.puzzle_hash)
    comparison.equal(`${variant.name} rows`, rowsHash(augmented), variant.sha256_rows_all_pairs)
    const [input, output] = [augment(own.input, augmentation), augment(outputOf(own), augmentation)]
    comparison.equal(`${variant.name} input`, hashGrid(input), variant.input_hash)
    comparison.equal(`${variant.name} output`, hashGrid(output), variant.output_hash)
    comparison.equal(
      `${variant.name} largest offset`,
      [CANVAS - Math.max(input.rows, output.rows), CANVAS - Math.max(input.cols, output.cols)],
      variant.max_offset,
    )
    for (const { offset, ...row } of variant.rows) {
      const place = `${variant.name} at ${offset.join()}`
      comparison.equal(place, [...encode(input, CANVAS, ...offset)], [...decodeRuns(row.input, CANVAS * CANVAS)])
      comparison.equal(place, [...encode(output, CANVAS, ...offset)], [...decodeRuns(row.output, CANVAS * CANVAS)])
    }
    const inverse = hashGrid(unaugment(outputOf(own), augmentation))
    comparison.equal(`${variant.name} inverse of the original`, inverse, variant.inverse_of_original_output_hash)
    comparison.equal(`${variant.name} inverse`, rowsOf(unaugment(output, augmentation)), rowsOf(outputOf(own)))
  }
}

function checkSplit(pool: Pool, split: Split, golden: SplitGolden, comparison: Comparison): void {
  const hashing = hashSplit(pool, split)
  let step = hashing.next()
  while (step.done !== true) step = hashing.next()
  const figures = step.value
  comparison.equal(`${split} counts`, [figures.groups, figures.puzzles, pool.numIdentifiers], [
    golden.metadata.total_groups,
    golden.metadata.total_puzzles,
    golden.metadata.num_puzzle_identifiers,
  ]) // prettier-ignore
  comparison.equal(`${split} examples`, figures.examples, golden.arrays['inputs']?.shape[0])
  for (const [name, { sha256: expected }] of Object.entries(golden.arrays))
    comparison.equal(`${split} ${name}`, (figures.sha256 as Readonly<Record<string, string>>)[name], expected)
  const size = CANVAS * CANVAS
  const rows: [Uint8Array, Uint8Array][] = []
  const streaming = officialRows(pool, split, (inputs, labels) => {
    for (let at = 0; at < inputs.length; at += size)
      rows.push([inputs.slice(at, at + size), labels.slice(at, at + size)])
  })
  while (streaming.next().done !== true);
  for (const { example, input, output } of golden.sample_rows) {
    const [inputs, labels] = rows[example] as [Uint8Array, Uint8Array]
    comparison.equal(`${split} example ${example}`, [...inputs], [...decodeRuns(input, size)])
    comparison.equal(`${split} example ${example}`, [...labels], [...decodeRuns(output, size)])
  }
}

/** The original test tasks as the official code writes them. */
const testPuzzles = (pool: Pool): string =>
  pythonJson(
    Object.fromEntries(
      pool.testGroups.map(({ task }) => {
        const splits = [...new Set(task.pairs.map((pair) => pair.split))]
        const list = (split: Split): { input: number[][]; output: number[][] }[] =>
          task.pairs
            .filter((pair) => pair.split === split)
            .map((pair) => ({ input: rowsOf(pair.input), output: rowsOf(outputOf(pair)) }))
        return [task.name, Object.fromEntries(splits.map((split) => [split, list(split)]))]
      }),
    ),
  )

export function checkArcData({ content, folder }: GoldenFile<ArcDataGolden>, comparison: Comparison): void {
  for (const golden of content.tasks) checkTask(golden, officialTask(folder, golden.subset, golden.id), comparison)
  for (const { name, grid, task, result, result_size: size } of content.inverse) {
    const parsed = parseName(name)
    const back = unaugment(gridOf(grid), parsed.augmentation)
    comparison.equal(`inverse ${name}`, [parsed.task, rowsOf(back), back.rows, back.cols], [task, result, ...size])
    comparison.equal(`inverse ${name} again`, rowsOf(augment(back, parsed.augmentation)), grid)
  }
  content.crop.forEach(({ tokens, note, rows, cols, cells, hash }, i) => {
    const grid = crop(decodeRuns(tokens, CANVAS * CANVAS), CANVAS)
    comparison.equal(`crop ${i} (${note})`, [grid.rows, grid.cols, grid.cells.join(''), hashGrid(grid)], [rows, cols, cells, hash]) // prettier-ignore
  })
  const mini = content.mini_build
  const pool = buildPool(
    mini.subsets.map(({ name, tasks }) => ({ name, tasks: tasks.map((id) => officialTask(folder, name, id)) })),
    { seed: mini.seed, augmentations: mini.num_aug, canvas: CANVAS, testSubset: mini.test_set },
  )
  comparison.equal('identifiers', mini.identifiers.map((_, id) => pool.name(id)), mini.identifiers) // prettier-ignore
  comparison.equal('identifiers.json', hashIdentifiers(pool), mini.identifiers_sha256)
  comparison.equal('test_puzzles.json', sha256(testPuzzles(pool)), mini.test_puzzles_sha256)
  for (const split of ['train', 'test'] as const) checkSplit(pool, split, mini.splits[split], comparison)
}
