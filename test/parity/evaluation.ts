// Golden file evaluation: votes, ranking, pass@K and the submission of one evaluation.
import { parseName } from '../../shared/arc/augment.js'
import { decodeRuns } from '../../shared/arc/runs.js'
import { officialSubmission, pythonJson } from '../../shared/arc/submission.js'
import { Votes } from '../../shared/arc/vote.js'
import { hashGrid } from '../../shared/arc/grid.js'
import { sha256 } from '../../shared/hash.js'
import type { GoldenFile } from './golden.js'
import { officialTask } from './kaggle.js'
import type { Comparison } from './report.js'

export interface EvaluationGolden {
  readonly subset: string
  readonly tolerance: { readonly mean_q: number; readonly metrics: number }
  readonly pass_Ks: readonly number[]
  readonly tasks: readonly { readonly id: string; readonly test_pairs: number }[]
  readonly predictions: readonly { name: string; pair: number; input: string; pred: string; q: number }[]
  readonly metrics: Readonly<Record<string, number>>
  readonly per_task: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly ranking: Readonly<
    Record<
      string,
      readonly {
        input_hash: string
        solution_hash: string
        votes: number
        candidates: readonly {
          hash: string
          count: number
          mean_q: number
          rows: number
          cols: number
          correct: number
        }[]
      }[]
    >
  >
  readonly submission: unknown
  readonly submission_sha256: string
}

const CANVAS = 30

export function checkEvaluation({ content, folder }: GoldenFile<EvaluationGolden>, comparison: Comparison): void {
  const tasks = content.tasks.map(({ id }) => officialTask(folder, content.subset, id))
  const asked = tasks.map((task, i) => ({
    task,
    pairs: Array.from({ length: content.tasks[i]?.test_pairs ?? 0 }, (_, pair) => pair),
  }))
  const votes = new Votes(asked, CANVAS)
  const size = CANVAS * CANVAS
  for (const { name, input, pred, q } of content.predictions) {
    const { task, augmentation } = parseName(name)
    votes.add(task, augmentation, decodeRuns(input, size), decodeRuns(pred, size), q)
  }
  const score = votes.score()
  for (const k of content.pass_Ks)
    comparison.close(`pass@${k}`, score.pass[k] ?? NaN, content.metrics[`ARC/pass@${k}`] ?? NaN, content.tolerance.metrics) // prettier-ignore
  comparison.equal('tasks', score.tasks.map(({ task }) => task), Object.keys(content.per_task)) // prettier-ignore
  for (const { task, pass } of score.tasks)
    for (const k of content.pass_Ks)
      comparison.close(`${task} pass@${k}`, pass[k] ?? NaN, content.per_task[task]?.[`pass@${k}`] ?? NaN, content.tolerance.metrics) // prettier-ignore
  for (const pair of score.pairs) {
    const where = `${pair.task} pair ${pair.pair}`
    const golden = content.ranking[pair.task]?.[pair.pair]
    const test = tasks.find((task) => task.name === pair.task)?.pairs.filter((p) => p.split === 'test')[pair.pair]
    if (golden === undefined || test?.output === undefined) throw new Error(`${where} is not in the golden ranking`)
    const solution = hashGrid(test.output)
    comparison.equal(`${where} hashes`, [hashGrid(test.input), solution], [golden.input_hash, golden.solution_hash])
    comparison.equal(`${where} votes`, pair.votes, golden.votes)
    comparison.equal(
      `${where} candidates`,
      pair.candidates.map((c) => [c.hash, c.votes, c.grid.rows, c.grid.cols, c.hash === solution]),
      golden.candidates.map((c) => [c.hash, c.count, c.rows, c.cols, c.correct === 1]),
    )
    pair.candidates.forEach(
      (candidate, i) =>
      comparison.close(`${where} confidence ${i}`, candidate.confidence, golden.candidates[i]?.mean_q ?? NaN, content.tolerance.mean_q), // prettier-ignore
    )
  }
  const sheet = officialSubmission(score)
  comparison.equal('submission', sheet, content.submission)
  comparison.equal('submission text', sha256(pythonJson(sheet)), content.submission_sha256)
}
