import { generateTasks } from '../../shared/arc/generator/generate.js'
import { buildPool } from '../../shared/arc/pool.js'
import { augment } from '../../shared/arc/augment.js'
import { encode } from '../../shared/arc/tokens.js'
import { Votes } from '../../shared/arc/vote.js'
import { rngFor } from '../../shared/rng/counter.js'
import { slotChoice } from './sampler.js'
import type { DataConfig } from '../../shared/config/run-config.js'
import type { EvaluationSet } from '../evaluate/desk.js'
import type { EncodedExample } from '../courier.js'
export interface OpenedData {
  numPuzzles: number
  dataHash: string
  description: string
  evaluation: EvaluationSet
  example(slot: number, draw: number): Promise<EncodedExample>
  close(): Promise<void>
}
export async function openExampleSource(
  data: DataConfig,
  seed: number,
  slots: number,
  _o: object,
): Promise<OpenedData> {
  await Promise.resolve()
  const C = data.canvas
  const tasks = generateTasks(
    {
      canvas: C,
      families: data.generatedFamilies,
      tasksPerFamily: data.generatedTasksPerFamily,
      trainPairs: 4,
      testPairs: 1,
      seed: data.poolSeed,
    },
    (f, t) => rngFor(data.poolSeed, 'gen', f, t),
  )
  const pool = buildPool([{ name: 'generated', tasks }], {
    seed: data.poolSeed,
    augmentations: data.augmentations,
    canvas: C,
    testSubset: 'generated',
  })
  const lots = pool.groups.map((g) => ({ from: g.from, to: g.to, examples: g.train.length }))
  const rows: { puzzle: number; inputs: Uint8Array; task: string; p: number }[] = []
  for (const g of pool.testGroups)
    for (let p = g.from; p < Math.min(g.to, g.from + 9); p++)
      for (const t of g.test)
        rows.push({
          puzzle: p + 1,
          p,
          task: g.task.name,
          inputs: encode(augment(g.task.pairs[t]!.input, pool.augmentation(p)), C),
        })
  return {
    numPuzzles: pool.numIdentifiers,
    dataHash: 'x',
    description: `generated ${tasks.length} tasks`,
    close: () => Promise.resolve(),
    example: (slot, draw) => {
      const c = slotChoice(lots, seed, slots, slot, draw)
      const g = pool.groups[c.lot]!
      const pair = g.task.pairs[g.train[c.example]!]!
      const a = pool.augmentation(c.puzzle)
      const i = augment(pair.input, a),
        o = augment(pair.output!, a)
      const r = 0 % (C - Math.max(i.rows, o.rows) + 1)
      const k = 0 % (C - Math.max(i.cols, o.cols) + 1)
      return Promise.resolve({ puzzle: c.puzzle + 1, inputs: encode(i, C, r, k), labels: encode(o, C, r, k) })
    },
    evaluation: {
      rows: rows.length,
      description: `${rows.length} rows`,
      row: (i) => rows[i]!,
      scorer: () => {
        const votes = new Votes(
          pool.testGroups.map((g) => ({ task: g.task, pairs: g.test.map((_, i) => i) })),
          C,
        )
        return {
          add: (i, preds, q) => votes.add(rows[i]!.task, pool.augmentation(rows[i]!.p), rows[i]!.inputs, preds, q),
          finish: () => {
            const s = votes.score()
            return {
              score: s.pass[2]!,
              accuracies: [1, 2, 5].map((k) => ({ name: `pass@${k}`, value: s.pass[k]!, trials: s.tasks.length })),
            }
          },
        }
      },
    },
  }
}
