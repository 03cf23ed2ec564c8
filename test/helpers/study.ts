// A made-up pool of tasks with answers for the studies: what is right, and how often, is the test's choice. Nothing in it was
// measured.
import { generateTasks } from '../../shared/arc/generator/generate.js'
import { buildPool } from '../../shared/arc/pool.js'
import { rngFor } from '../../shared/rng/counter.js'
import { ArcEvaluation } from '../../coordinator/data/arc-evaluation.js'
import { studyRecord, type StudyPicture, type StudyRecord } from '../../coordinator/study/record.js'
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

export const picture: StudyPicture = {
  ...{ title: 'A <title>', along: 'votes', kind: 'line', unit: 'share', scale: 'linear', labels: ['1', '2'] },
  series: [{ name: 'pass@1', points: [{ value: 0.25, low: 0.1, high: 0.5 }, null] }],
  reported: [{ name: 'theirs', value: 0.4 }],
}
export const madeUpStudy: StudyRecord = studyRecord(
  {
    ...{ study: 'voting', question: 'Why, "really"?', run: 'r', step: 7, checkpoint: 'r/step-7', seconds: 1.5 },
    ...{ created: '2026-01-31T12:00:00.000Z', machine: 'a machine', load: 0.5, workers: [], seed: 3 },
    data: { source: 'generated', description: 'made up', hash: '0' },
  },
  {
    asked: 'two tasks',
    tables: [
      {
        title: 'T',
        columns: [{ title: 'pass@1', unit: 'share', interval: '95 % Wilson' }],
        rows: [
          {
            what: 'one, and only',
            measured: [{ value: 0.25, low: 0.1, high: 0.5 }],
            reported: [{ figure: '29.25 %', by: 'somebody', grade: 'S', mind: 'another set' }],
          },
          { what: 'none', measured: [null], reported: [] },
        ],
      },
    ],
    pictures: [picture],
    notes: ['mind this'],
  },
)
