// The pool of augmented puzzles: a pure function of (tasks in order, seed, augmentations, canvas), bit-exact with the official
// build in its groups, puzzles, identifiers and translations (spec 4.2). It holds four bytes per puzzle and two per
// example; grids and names are made on demand.
import { DataError } from '../errors.js'
import { Mt19937 } from '../rng/mt19937.js'
import { augmentedName, packAugmentation, unpackAugmentation, type Augmentation } from './augment.js'
import { Fingerprint } from './fingerprint.js'
import { gridOf, turns } from './grid.js'
import { extent, type Pair, type Task } from './task.js'

export interface Subset {
  readonly name: string
  readonly tasks: readonly Task[]
}

export interface PoolConfig {
  readonly seed: number
  /** Augmented copies per task, at most. */
  readonly augmentations: number
  readonly canvas: number
  /** Its test pairs are not trained on. */
  readonly testSubset: string
}

/** A task with all its augmentations; consecutive puzzles, the original first. */
export interface Group {
  readonly task: Task
  /** First puzzle, and one past the last; a puzzle's identifier is its number + 1. */
  readonly from: number
  readonly to: number
  /** Indices into task.pairs: what is trained on, what is tested; in file order. */
  readonly train: readonly number[]
  readonly test: readonly number[]
  /** Number of the first training example of puzzle `from`, among all of the pool. */
  readonly firstExample: number
}

/** What the official builder puts where a solution is not known. */
const DUMMY = gridOf([[0]])

/** Tries per augmentation wanted. */
const TRIES = 5

export class Pool {
  constructor(
    readonly config: PoolConfig,
    readonly groups: readonly Group[],
    /** Groups of the test subset, in the order of the official test split. */
    readonly testGroups: readonly Group[],
    /** Transform and colour map of every puzzle; see packAugmentation. */
    readonly codes: Uint32Array,
    /** Official translation of every training example: row, column. */
    readonly offsets: Uint8Array,
    /** Tasks left out because a grid of theirs is larger than the canvas. */
    readonly leftOut: readonly string[],
  ) {}

  get puzzles(): number {
    return this.codes.length
  }

  /** Rows of the puzzle table; row 0 is the blank one. */
  get numIdentifiers(): number {
    return this.codes.length + 1
  }

  get trainExamples(): number {
    return this.offsets.length / 2
  }

  /** Group of a puzzle, 0 .. puzzles-1. */
  groupOf(puzzle: number): Group {
    let low = 0
    let high = this.groups.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.groups[middle] as Group).from <= puzzle) low = middle
      else high = middle - 1
    }
    return this.groups[low] as Group
  }

  augmentation(puzzle: number): Augmentation {
    return unpackAugmentation(this.codes[puzzle] as number)
  }

  /** Official name of an identifier, 0 .. numIdentifiers-1. */
  name(identifier: number): string {
    if (identifier === 0) return '<blank>'
    const puzzle = identifier - 1
    const { task, from } = this.groupOf(puzzle)
    return puzzle === from ? task.name : augmentedName(task.name, this.augmentation(puzzle))
  }
}

const isTrained = (pair: Pair, tested: boolean): boolean =>
  pair.split === 'train' || (!tested && pair.output !== undefined)

/** All accepted augmentations of a task, the identity first. */
function augmentations(task: Task, count: number, rng: Mt19937): number[] {
  const codes = [0]
  if (count === 0) return codes
  const fingerprint = new Fingerprint(task.pairs.map(({ input, output }) => [input, output ?? DUMMY]))
  const colours = Uint8Array.from({ length: 10 }, (_, c) => c)
  const seen = new Set([fingerprint.of(0, colours)])
  const moved = colours.subarray(1)
  for (let attempt = 0; attempt < TRIES * count && codes.length <= count; attempt++) {
    const transform = rng.randint(0, 8)
    for (let c = 0; c < moved.length; c++) moved[c] = c + 1
    rng.shuffle(moved)
    const print = fingerprint.of(transform, colours)
    if (seen.has(print)) continue
    seen.add(print)
    codes.push(packAugmentation(transform, colours))
  }
  return codes
}

/** Draws where every training example lies on the canvas; one of each puzzle stays at (0, 0). */
function translations(
  groups: readonly Group[],
  codes: Uint32Array,
  examples: number,
  canvas: number,
  rng: Mt19937,
): Uint8Array {
  const offsets = new Uint8Array(2 * examples)
  let at = 0
  for (const { task, from, to, train } of groups) {
    const rooms = train.map((index) => {
      const { input, output = DUMMY } = task.pairs[index] as Pair
      return [canvas - Math.max(input.rows, output.rows), canvas - Math.max(input.cols, output.cols)] as const
    })
    for (let puzzle = from; puzzle < to; puzzle++) {
      const turned = turns((codes[puzzle] as number) & 7)
      const kept = rng.randint(0, train.length)
      for (const [example, [down, right]] of rooms.entries()) {
        if (example !== kept) {
          offsets[at] = rng.interval(turned ? right : down)
          offsets[at + 1] = rng.interval(turned ? down : right)
        }
        at += 2
      }
    }
  }
  return offsets
}

/**
 * Builds the pool. ARC-2 with 1000 augmentations takes some seconds and 20 MB.
 * @param subsets in the order of the official command line; the test pairs of all but `config.testSubset` are trained on too
 * @throws DataError where two tasks share a name, or nothing fits the canvas
 */
export function buildPool(subsets: readonly Subset[], config: PoolConfig): Pool {
  const rng = new Mt19937(config.seed)
  const groups: Group[] = []
  const testGroups: Group[] = []
  const codes: number[] = []
  const leftOut: string[] = []
  const names = new Set<string>()
  let examples = 0
  for (const subset of subsets) {
    const tested = subset.name === config.testSubset
    const fitting = subset.tasks.filter((task) => extent(task) <= config.canvas)
    for (const task of subset.tasks) if (extent(task) > config.canvas) leftOut.push(task.name)
    rng.shuffle(fitting)
    for (const task of fitting) {
      if (names.has(task.name))
        throw new DataError(
          `two tasks are named ${task.name}; the second is in subset ${subset.name}`,
          'a name stands for one puzzle: rename one of the two files or take it out',
        )
      names.add(task.name)
      const from = codes.length
      for (const code of augmentations(task, config.augmentations, rng)) codes.push(code)
      const indices = [...task.pairs.keys()]
      const group: Group = {
        task,
        from,
        to: codes.length,
        train: indices.filter((i) => isTrained(task.pairs[i] as Pair, tested)),
        test: tested ? indices.filter((i) => (task.pairs[i] as Pair).split === 'test') : [],
        firstExample: examples,
      }
      examples += (group.to - from) * group.train.length
      groups.push(group)
      if (tested) testGroups.push(group)
    }
  }
  if (groups.length === 0)
    throw new DataError(
      `none of the ${leftOut.length} tasks fits a canvas of ${config.canvas} x ${config.canvas}`,
      'set data.canvas higher (30 fits every ARC task)',
    )
  const packed = Uint32Array.from(codes)
  return new Pool(
    config,
    groups,
    testGroups,
    packed,
    translations(groups, packed, examples, config.canvas, rng),
    leftOut,
  )
}
