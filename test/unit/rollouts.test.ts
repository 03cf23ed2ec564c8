// Rollouts of an evaluation: what each is asked, which answers a row, and that the order in which answers come decides nothing.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BoardDataset } from '../../coordinator/data/board-dataset.js'
import type { EvaluationSet, TestRow } from '../../coordinator/data/example-source.js'
import { generateBoardSplits } from '../../coordinator/data/generated-boards.js'
import { generateMixedBoards } from '../../coordinator/data/mixed-boards.js'
import { withRollouts } from '../../coordinator/data/rollouts.js'
import { Tally } from '../../coordinator/evaluate/tally.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { range } from '../../shared/rng/draws.js'
import { madeUpRows } from '../helpers/study.js'

const configOf = (preset: 'sudoku-6x6' | 'maze-7x7' | 'tiny', flags: Record<string, string>): RunConfig =>
  compileConfig({ preset, env: {}, flags: { 'data.generatedTasksPerFamily': '2', ...flags } })

async function boards(config: RunConfig): Promise<EvaluationSet> {
  const { data } = config
  const kind = data.kind as 'sudoku' | 'maze'
  const splits = await (data.sizes === '' ? generateBoardSplits(kind, data) : generateMixedBoards(kind, data))
  return withRollouts(new BoardDataset(kind, splits, data).evaluation({ augmentations: 0, maxPairs: 4 }), config)
}

const drawOf = (row: TestRow & { readonly draw?: number }): number => row.draw ?? 0
const text = ({ inputs }: TestRow): string => inputs.join()

/** An answer of one row: right or wrong, so confident, read after this step. */
interface Told {
  readonly row: number
  readonly right: boolean
  readonly q: number
  readonly step?: number
}

/** The scores after these answers; wrong ones differ in a cell that `which` names. */
function scored(set: EvaluationSet, told: readonly Told[], which: (row: number) => number = () => 0) {
  const tally = new Tally(set, { steps: [4], early: true })
  for (const { row, right, q, step = 4 } of told) {
    const { labels } = set.row(row)
    const cell = which(row)
    const preds = right ? labels : labels.with(cell, labels[cell] === 3 ? 4 : 3)
    tally.add(row, { after: [{ step: 4, preds, q }], early: { step, preds, q } })
  }
  const { accuracies, early } = tally.finish()
  const named = (list: typeof accuracies): Record<string, number> => Object.fromEntries(list.map(({ name, value }) => [name, value])) // prettier-ignore
  return { full: named(accuracies), early: named(early!.accuracies), meanSteps: early!.meanSteps }
}

describe('rollouts', () => {
  test('none: the set itself; noisy ones: the same question under different numbers', async () => {
    const plain = await boards(configOf('sudoku-6x6', {}))
    const set = await boards(configOf('sudoku-6x6', { 'evaluate.rollouts': '3' }))
    assert.equal(plain.rows, 4)
    assert.equal(set.rows, 12)
    for (const index of range(12)) assert.equal(text(set.row(index)), text(plain.row(Math.floor(index / 3))))
    const draws = range(12).map((index) => drawOf(set.row(index)))
    assert.equal(new Set(draws).size, 12)
    assert.ok(Math.min(...draws) > 0, 'number 0 gets no noise')
    assert.match(set.description, /each in 3 rollouts \(noise 0\.3, chosen by best-q\)/)
  })

  for (const [preset, flags] of [
    ['sudoku-6x6', {}],
    ['sudoku-6x6', { 'data.sizes': '4,6' }],
    ['maze-7x7', {}],
  ] as const)
    test(`relabeled, ${preset} ${JSON.stringify(flags)}: other questions, whose right answers count as right`, async () => {
      const wished = { 'evaluate.rollouts': '5', 'evaluate.relabel': 'on', 'evaluate.sigma': '0', ...flags }
      const set = await boards(configOf(preset, wished))
      const asked = range(5).map((index) => set.row(index))
      assert.equal(new Set(asked.map(text)).size, 5)
      assert.ok(asked.every((row) => drawOf(row) === 0), 'without noise no number') // prettier-ignore
      const right = (index: number): boolean => index % 5 === 2
      const told = range(set.rows).map((row) => ({ row, right: right(row), q: right(row) ? 1 : 0 }))
      assert.equal(scored(set, told).full['exact'], 1)
      assert.equal(scored(set, told).full['first rollout alone: exact'], 0)
      const none = told.map((one) => ({ ...one, right: false }))
      assert.equal(scored(set, none).full['exact'], 0)
      assert.deepEqual(set.row(4), (await boards(configOf(preset, wished))).row(4))
    })

  const answers: readonly Omit<Told, 'row'>[] = [
    { right: false, q: 1, step: 3 },
    { right: true, q: 3, step: 4 },
    { right: false, q: 2, step: 3 },
  ]
  for (const [choose, wrongAt, full, early, meanSteps] of [
    ['best-q', () => 0, 1, 1, (3 + 4 + 3) / 3],
    ['majority', () => 0, 0, 0, (3 + 4 + 3) / 3],
    ['majority', (row: number) => row % 3, 1, 1, (3 + 4 + 3) / 3],
    ['first-to-halt', () => 0, 1, 0, 3],
  ] as const)
    test(`${choose} of three: exact ${full}, early ${early}, steps ${meanSteps}, in any order`, async () => {
      const set = await boards(configOf('sudoku-6x6', { 'evaluate.rollouts': '3', 'evaluate.choose': choose }))
      const told = range(set.rows).map((row) => ({ row, ...answers[row % 3]! }))
      const result = scored(set, told, wrongAt)
      assert.deepEqual([result.full['exact'], result.early['exact']], [full, early])
      assert.ok(Math.abs(result.meanSteps - meanSteps) < 1e-12)
      assert.deepEqual(scored(set, [...told].reverse(), wrongAt), result)
    })

  test('of ARC choose a vote for every row', () => {
    const plain = madeUpRows()
    const set = withRollouts(plain, configOf('tiny', { 'evaluate.rollouts': '2' }))
    assert.equal(set.rows, 2 * plain.rows)
    const scorer = set.scorer()
    for (const row of range(set.rows)) {
      const { labels } = set.row(row)
      scorer.add(row, row % 2 === 0 ? new Uint8Array(labels.length) : labels, row % 2)
    }
    const votes = scorer.arc()!.pairs.reduce((sum, pair) => sum + pair.votes, 0)
    assert.equal(votes, plain.rows)
    const { accuracies } = scorer.finish()
    assert.equal(accuracies[0]!.value, 1)
    assert.match(accuracies.at(-1)!.name, /^first rollout alone: pass@/)
    assert.equal(accuracies.at(-1)!.value, 0)
    // Earlier votes count again where they are kept.
    const kept = set.scorer(scorer)
    assert.equal(kept.arc()!.pairs.reduce((sum, pair) => sum + pair.votes, 0), votes) // prettier-ignore
  })
})
