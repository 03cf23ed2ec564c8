// A run made up for the report: a journal with a resume in it, and an evaluation of generated tasks in which some answers are
// right, some nearly, some nonsense. No number in it was measured.
import { FAMILIES, generateTasks } from '../../shared/arc/generator/generate.js'
import { crop } from '../../shared/arc/tokens.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { rngFor } from '../../shared/rng/counter.js'
import { buildPool } from '../../shared/arc/pool.js'
import { ArcEvaluation } from '../../coordinator/data/arc-evaluation.js'
import { Tally } from '../../coordinator/evaluate/tally.js'
import { evaluationRecord, type EvaluationFacts, type EvaluationRecord } from '../../coordinator/evaluate/record.js'
import { parseJournal } from '../../coordinator/report/curves.js'
import { madeUpStudy } from './study.js'
import type { RunReport } from '../../coordinator/report/html/run-report.js'

export const madeUpConfig = (): RunConfig => compileConfig({ preset: 'tiny', env: {}, flags: {} })

export function madeUpJournal(steps: number): string {
  const lines: object[] = []
  let at = Date.UTC(2026, 0, 31, 9)
  for (let step = 1; step <= steps; step++) {
    const rng = rngFor(1, 'made-up', step)
    const skill = 1 - Math.exp((-4 * step) / steps)
    // Half-way through it was stopped and resumed, with more workers, from a few steps before.
    at += step === Math.floor(steps / 2) ? 3_600_000 : 400 + 200 * rng.uniform()
    const halted = step % 8 === 0 ? 0 : 4
    lines.push({
      ...{ step, time: new Date(at).toISOString(), workers: step < steps / 2 ? 2 : 4, lr: 1e-3 },
      loss: 2.9 - 2.4 * skill + 0.5 * rng.uniform(),
      cellAccuracy: halted === 0 ? null : Math.min(1, 0.2 + 0.75 * skill + 0.1 * rng.uniform()),
      exactAccuracy: halted === 0 ? null : 0.7 * skill * rng.uniform(),
      ...{ haltSteps: halted === 0 ? null : 8 - 5 * skill * rng.uniform(), halted },
    })
    if (step % Math.ceil(steps / 5) === 0 || step === steps)
      lines.push({
        evaluation: step,
        score: 0.4 * skill,
        accuracies: [
          { name: 'pass@2', value: 0.4 * skill, trials: 24 },
          { name: 'cells right', value: 0.9 * skill, trials: 48 },
        ],
      })
  }
  return `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"step":`
}

export function madeUpEvaluation(more: Partial<EvaluationFacts> = {}): EvaluationRecord {
  const canvas = 8
  const tasks = generateTasks(
    { seed: 7, families: Math.min(12, FAMILIES.length), tasksPerFamily: 2, canvas, trainPairs: 3, testPairs: 2 },
    (family, task) => rngFor(7, 'made-up-task', family, task),
  )
  const pool = buildPool([{ name: 'made-up', tasks }], { seed: 1, augmentations: 8, canvas, testSubset: 'made-up' })
  const evaluation = new ArcEvaluation(pool, tasks, { augmentations: 8, maxPairs: 0 })
  const tally = new Tally(evaluation, { steps: [8], early: false })
  for (let row = 0; row < evaluation.rows; row++) {
    const { labels, task } = evaluation.row(row)
    const rng = rngFor(3, 'made-up-answer', row)
    const skill = rngFor(
      3,
      'made-up-skill',
      [...task].reduce((sum, sign) => sum + sign.charCodeAt(0), 0),
    ).uniform()
    const preds = labels.slice()
    const size = crop(labels, canvas)
    if (rng.uniform() > skill)
      for (let wrong = 0; wrong < 1 + 3 * rng.uniform(); wrong++)
        preds[Math.floor(rng.uniform() * size.rows) * canvas + Math.floor(rng.uniform() * size.cols)] =
          2 + Math.floor(10 * rng.uniform())
    if (rng.uniform() > 0.97) preds.fill(0)
    // Earlier steps have rows of the answer that are still empty, the very first nothing but the question.
    const after = [1, 2, 4, 8].map((step) => {
      const seen = step === 1 ? evaluation.row(row).inputs : preds.slice()
      if (step > 1 && step < 8) seen.fill(2, 0, Math.floor((size.rows * (8 - step)) / 8) * canvas)
      return { step, preds: step === 8 ? preds : seen, q: 4 * skill - 8 / step }
    })
    tally.add(row, { after, early: undefined })
  }
  const facts: EvaluationFacts = {
    ...{ run: 'made-up', step: 600, checkpoint: null, created: '2026-01-31T12:34:56.000Z', seconds: 12.5 },
    machine: 'a machine of the test',
    workers: [{ label: 'worker-1', backend: 'wasm', device: '1 thread', precision: 'f32' }],
    data: { source: 'generated', description: 'tasks of the test', hash: '0'.repeat(64) },
    asked: {
      ...{ description: evaluation.description, rows: evaluation.rows, weights: 'moving average (EMA)' },
      ...{ steps: 8, augmentations: 8, maxPairs: 0 },
    },
    ...more,
  }
  return evaluationRecord(facts, tally.finish())
}

export function madeUpRun(more: Partial<RunReport> = {}): RunReport {
  const config = madeUpConfig()
  return {
    name: 'made-up',
    journal: parseJournal(madeUpJournal(600)),
    evaluation: madeUpEvaluation(),
    studies: [madeUpStudy],
    config,
    checkpoint: { dir: 'runs/made-up/step-00000600', step: 600, created: '2026-01-31T12:34:00.000Z' },
    parameters: layoutOf(config.model).elements,
    machine: 'a machine of the test',
    date: '2026-01-31T12:40:00.000Z',
    ...more,
  }
}
