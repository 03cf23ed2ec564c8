// A made-up pool of tasks with answers for the studies: what is right, and how often, is the test's choice. Nothing in it was
// measured.
import { generateTasks } from '../../shared/arc/generator/generate.js'
import { buildPool } from '../../shared/arc/pool.js'
import { rngFor } from '../../shared/rng/counter.js'
import { ArcEvaluation } from '../../coordinator/data/arc-evaluation.js'
import type { OpenedSource } from '../../coordinator/data/open.js'

export const CANVAS = 6

/** Six tasks of two test pairs, each in up to nine forms. */
export function madeUpRows(augmentations = 8): ArcEvaluation {
  const tasks = generateTasks(
    { seed: 5, families: 6, tasksPerFamily: 1, canvas: CANVAS, trainPairs: 3, testPairs: 2 },
    (family, task) => rngFor(5, 'study-task', family, task),
  )
  const pool = buildPool([{ name: 's', tasks }], { seed: 1, augmentations, canvas: CANVAS, testSubset: 's' })
  return new ArcEvaluation(pool, tasks, { augmentations, maxPairs: 0 })
}

/** As much of an open source as an inquiry looks at. */
export const sourceOf = (evaluation: ArcEvaluation): OpenedSource =>
  ({
    evaluation,
    numPuzzles: evaluation.pool.numIdentifiers,
    description: 'made up',
    dataHash: '0',
  }) as unknown as OpenedSource
