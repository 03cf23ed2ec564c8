// ARC-style tasks without any data: some forty families of rules, each a pure function of (seed, family, number of the task).
import { DataError } from '../../errors.js'
import { sameGrid } from '../grid.js'
import type { Pair, Task } from '../task.js'
import type { Words } from '../../rng/draws.js'
import type { Family, Rule } from './family.js'
import * as lines from './lines.js'
import * as moves from './moves.js'
import * as objects from './objects.js'
import * as recolour from './recolour.js'
import * as resize from './resize.js'
import * as symmetry from './symmetry.js'

/**
 * The easiest for a small model first: ordered by the share of unseen pairs, then of cells, that a model of the preset `tiny`
 * got right after 130 s of training on all of them (test/bench/LOG.md). The first n are used.
 */
export const FAMILIES: readonly Family[] = [
  recolour.CYCLE_COLOURS,
  recolour.REPLACE_COLOUR,
  recolour.INVERT,
  recolour.KEEP_COLOUR,
  recolour.SWAP_COLOURS,
  recolour.FRAME,
  resize.OVERLAY,
  symmetry.SMEAR,
  recolour.MOST_FREQUENT,
  objects.CLEAR_DUST,
  symmetry.REPAIR,
  lines.HALO,
  objects.FILL_BOX,
  lines.CROSSINGS,
  lines.CONNECT,
  objects.MARK_SMALLEST,
  objects.KEEP_LARGEST,
  lines.DIAGONALS,
  lines.TRAIL,
  symmetry.MIRROR_RIGHT,
  recolour.STRIPE_ROWS,
  objects.SORT_BARS,
  lines.FILL_LINE,
  lines.CROSS,
  symmetry.MIRROR_DOWN,
  resize.HALF,
  moves.SHIFT,
  symmetry.FOURFOLD,
  resize.REFLECT,
  moves.GRAVITY,
  objects.COUNT,
  objects.SORT_ROWS,
  resize.TILE,
  moves.FLIP_LEFT_RIGHT,
  moves.ROTATE_HALF,
  moves.FLIP_UP_DOWN,
  moves.ROLL,
  resize.SHRINK,
  resize.CROP,
  moves.ANTI_TRANSPOSE,
  moves.ROTATE_LEFT,
  moves.TRANSPOSE,
  moves.ROTATE_RIGHT,
  resize.ENLARGE,
]

/** Below this, a canvas has no room for most rules. */
export const SMALLEST_CANVAS = 5

export interface GeneratorConfig {
  readonly seed: number
  /** The first so many families. */
  readonly families: number
  readonly tasksPerFamily: number
  readonly canvas: number
  readonly trainPairs: number
  readonly testPairs: number
}

const ATTEMPTS = 10_000

/** One pair that shows the rule and is unlike those before it. */
function pair(rule: Rule, rng: Words, canvas: number, split: Pair['split'], before: readonly Pair[]): Pair | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const input = rule.input(rng)
    const output = rule.solve(input)
    if (output === undefined || sameGrid(input, output)) continue
    if (Math.max(input.rows, input.cols, output.rows, output.cols) > canvas) continue
    if (before.some((other) => sameGrid(other.input, input))) continue
    return { split, input, output }
  }
  return undefined
}

/**
 * Task `index` of a family.
 * @param stream the random words of this one task
 * @throws DataError where the canvas is too small for that many different pairs
 */
export function generateTask(family: Family, index: number, config: GeneratorConfig, stream: Words): Task {
  const rule = family.rule(stream, config.canvas)
  const pairs: Pair[] = []
  for (let i = 0; i < config.trainPairs + config.testPairs; i++) {
    const made = pair(rule, stream, config.canvas, i < config.trainPairs ? 'train' : 'test', pairs)
    if (made === undefined)
      throw new DataError(
        `the generator found no ${i + 1} different pairs of rule ${family.name} on a canvas of ${config.canvas}`,
        `set data.canvas to ${SMALLEST_CANVAS} or more`,
      )
    pairs.push(made)
  }
  return { name: `${family.name}-${index}`, pairs }
}

/** All tasks of a configuration, family by family. @param streamOf the words for (family, task) @throws DataError */
export function generateTasks(config: GeneratorConfig, streamOf: (family: number, task: number) => Words): Task[] {
  if (config.canvas < SMALLEST_CANVAS)
    throw new DataError(
      `the generator needs a canvas of ${SMALLEST_CANVAS} or more, not ${config.canvas}`,
      `set data.canvas to ${SMALLEST_CANVAS} or more`,
    )
  if (config.families < 1 || config.families > FAMILIES.length)
    throw new DataError(
      `data.generatedFamilies is ${config.families}; there are ${FAMILIES.length} rule families`,
      `set it to 1 .. ${FAMILIES.length}`,
    )
  return FAMILIES.slice(0, config.families).flatMap((family, f) =>
    Array.from({ length: config.tasksPerFamily }, (_, task) => generateTask(family, task, config, streamOf(f, task))),
  )
}
