// Accuracy along the recursion: every cycle asked, the last of a step is the step, and the share of the final is of the final.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recursionFindings, recursionInquiry } from '../../coordinator/study/recursion.js'
import { compileConfig } from '../../shared/config/compile.js'
import { stepOf } from '../../shared/ids.js'
import { madeUpRows, sourceOf } from '../helpers/study.js'

const config = compileConfig({ preset: 'arc1', env: {}, flags: { 'model.hCycles': '2', 'model.haltMaxSteps': '3' } })

function found(): ReturnType<ReturnType<typeof recursionInquiry>['found']> {
  const inquiry = recursionInquiry()
  const set = inquiry.ask(sourceOf(madeUpRows()))
  const question = inquiry.question!(config.model)
  assert.deepEqual(question, { steps: [1, 2, 3, 4, 5, 6], early: false, cycles: true })
  // From the third cycle on everything is right, before it nothing.
  const after = question.steps.map((step) => {
    const scorer = set.scorer()
    for (let row = 0; row < set.rows; row++) {
      const { labels } = set.row(row)
      scorer.add(row, step < 3 ? new Uint8Array(labels.length) : labels, 0)
    }
    return { step, ...scorer.finish() }
  })
  inquiry.observer.evaluated(stepOf(1), { ...after.at(-1)!, after, evaluations: 1 })
  return inquiry.found()
}

test('steps are the last of their cycles', () => {
  const { tables, pictures } = recursionFindings(found(), config, false)
  const [steps, cycles] = tables
  const values = (table: typeof steps): (number | undefined)[] => table!.rows.map(({ measured }) => measured[0]?.value)
  assert.deepEqual(values(steps), [0, 1, 1])
  assert.deepEqual(values(cycles), [0, 0, 1, 1, 1, 1])
  assert.deepEqual(steps!.rows.map(({ measured }) => measured.at(-1)?.value), [0, 1, 1]) // prettier-ignore
  assert.equal(cycles!.rows[2]!.what, 'step 2, cycle 1 of 2')
  assert.deepEqual(pictures[0]!.labels, ['0+1/2', '1', '1+1/2', '2', '2+1/2', '3'])
  assert.equal(pictures[0]!.reported.length, 0, 'another test set is not drawn into the picture')
  assert.match(steps!.rows[0]!.reported[0]!.figure, /94\.4 %/)
  assert.equal(recursionFindings(found(), config, true).pictures[0]!.reported.length, 1)
})

test('Sudoku has no pass@K, and nothing was reported of it here', () => {
  const sudoku = compileConfig({ preset: 'sudoku-mlp', env: {}, flags: {} })
  const score = { score: 0.5, accuracies: [{ name: 'exact', value: 0.5, trials: 4 }, { name: 'cells right', value: 0.9, trials: 4 }] } // prettier-ignore
  const { tables } = recursionFindings(
    { description: 'd', scores: Array.from({ length: 48 }, () => score) },
    sudoku,
    false,
  )
  assert.deepEqual(tables[0]!.columns.map(({ title }) => title), ['exact', 'cells right', 'share of the final exact']) // prettier-ignore
  assert.ok(tables[0]!.rows.every(({ reported }) => reported.length === 0))
  assert.equal(tables[0]!.rows.length, 16)
  assert.equal(tables[1]!.rows.length, 48)
})
