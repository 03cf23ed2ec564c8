// Attempts at test time: copies that map back exactly, rules of choice, curves, and what the study asks and makes of it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BoardDataset } from '../../coordinator/data/board-dataset.js'
import { copiesOf } from '../../coordinator/data/copies.js'
import type { EvaluationSet } from '../../coordinator/data/example-source.js'
import { generateBoardSplits } from '../../coordinator/data/generated-boards.js'
import { bestQ, firstToHalt, majority, type CopyAnswer } from '../../coordinator/evaluate/choices.js'
import { attemptCurve, blocksOf, doublings } from '../../coordinator/study/attempt-curve.js'
import { attemptInquiry, attemptRows, type Attempted } from '../../coordinator/study/attempts.js'
import { testtimeFindings } from '../../coordinator/study/testtime.js'
import { isSolvedSudoku } from '../../shared/puzzles/check-sudoku.js'
import { drawShuffle, noShuffle, shuffleInto, unshuffled } from '../../shared/puzzles/sudoku.js'
import { compileConfig } from '../../shared/config/compile.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { madeUpRows, sourceOf } from '../helpers/study.js'

async function boards(kind: 'sudoku' | 'maze', canvas: number): Promise<EvaluationSet> {
  const flags = { 'data.canvas': String(canvas), 'data.generatedTasksPerFamily': '2' }
  const { data } = compileConfig({ preset: kind === 'maze' ? 'maze-7x7' : 'sudoku-6x6', env: {}, flags })
  const splits = await generateBoardSplits(kind, data)
  return new BoardDataset(kind, splits, data).evaluation({ augmentations: 0, maxPairs: 3 })
}

const answer = (key: string, q: number, step = 4, early = key, earlyQ = q): CopyAnswer => ({
  ...{ key, q },
  early: { key: early, q: earlyQ, step },
})

describe('copies', () => {
  test('a shuffle of any size of Sudoku is undone, whatever the answer', () => {
    for (const side of [4, 6, 9])
      for (let seed = 0; seed < 20; seed++) {
        const shuffle = drawShuffle(new Mt19937(seed), side)
        const board = Uint8Array.from({ length: side * side }, (_, i) => (7 * i + seed) % (side + 1))
        const tokens = new Uint8Array(side * side)
        shuffleInto(tokens, 0, board, 0, shuffle)
        assert.deepEqual(unshuffled(tokens, shuffle), board.map((digit) => digit + 1), `${side}, seed ${seed}`) // prettier-ignore
        assert.deepEqual(unshuffled(tokens, noShuffle(side)), tokens)
      }
    // Answers may hold tokens that are no digit of the board: padding, and digits of larger ones.
    const strange = Uint8Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 0 : 10))
    assert.deepEqual([...unshuffled(strange, drawShuffle(new Mt19937(1), 4))].sort(), [...strange].sort())
  })

  for (const [kind, canvas, most, count] of [
    ['sudoku', 4, 6, 6],
    ['sudoku', 6, 6, 6],
    ['sudoku', 9, 6, 6],
    ['maze', 7, 20, 8],
  ] as const)
    test(`of ${kind} ${canvas} x ${canvas}: different questions, right answers that map back to the one right answer`, async () => {
      const set = await boards(kind, canvas)
      const copies = copiesOf(set, most, 5)
      assert.equal(copies.questions, 3)
      for (let question = 0; question < 3; question++) {
        assert.equal(copies.count(question), count)
        const rows = Array.from({ length: count }, (_, copy) => copies.row(question, copy))
        assert.deepEqual(rows[0], set.row(question))
        assert.equal(new Set(rows.map(({ inputs }) => inputs.join())).size, count)
        rows.forEach(({ inputs, labels }, copy) => {
          if (kind === 'sudoku') assert.ok(isSolvedSudoku(inputs, labels, canvas))
          assert.equal(copies.key(question, copy, labels), copies.right(question))
          const wrong = labels.with(3, labels[3]! === 2 ? 3 : 2)
          assert.notEqual(copies.key(question, copy, wrong), copies.right(question))
        })
        const again = copiesOf(set, most, 5).row(question, count - 1)
        assert.deepEqual(again, rows.at(-1))
        if (kind === 'sudoku') assert.notDeepEqual(copiesOf(set, most, 6).row(question, 1), rows[1])
      }
    })

  test('of ARC are its augmentations', () => {
    const set = madeUpRows()
    const copies = copiesOf(set, 5, 0)
    assert.equal(copies.questions, 12)
    for (let question = 0; question < 12; question++)
      for (let copy = 0; copy < copies.count(question); copy++) {
        const { labels } = copies.row(question, copy)
        assert.equal(copies.key(question, copy, labels), copies.right(question))
      }
    assert.ok(copies.count(0) > 1 && copies.count(0) <= 5)
  })
})

describe('choices', () => {
  const attempts = [
    answer('a', 1, 4),
    answer('b', 3, 4, 'c', -1),
    answer('a', 0, 2, 'd', 0.5),
    answer('e', 2, 2, 'f', 0.7),
  ]

  test('the best q after the last step', () => {
    assert.deepEqual(bestQ(attempts, 4), { key: 'b', steps: 16 })
    assert.equal(bestQ([answer('x', 1), answer('y', 1)], 4).key, 'x')
  })

  test('the majority, and of equals the more confident', () => {
    assert.deepEqual(majority(attempts, 4), { key: 'a', steps: 16 })
    assert.equal(majority([answer('x', 0), answer('y', 1)], 4).key, 'y')
    assert.equal(majority([answer('x', 0), answer('y', 5), answer('x', -3), answer('y', -9)], 4).key, 'y')
  })

  test('the first that halts, with what it has then; its cost is that of all until then', () => {
    assert.deepEqual(firstToHalt(attempts), { key: 'f', steps: 8 })
    assert.deepEqual(firstToHalt(attempts.slice(0, 2)), { key: 'a', steps: 8 }, 'nobody halted early: the best q at the end') // prettier-ignore
    assert.throws(() => firstToHalt([]), /nothing to choose/)
  })
})

describe('curves', () => {
  test('try a number of attempts on disjoint blocks', () => {
    assert.deepEqual(doublings(6), [1, 2, 4, 6])
    assert.deepEqual(doublings(1), [1])
    assert.deepEqual(blocksOf([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4]]) // prettier-ignore
    assert.deepEqual(blocksOf([1], 2), [[1]])
  })

  const made = (right: string, rollouts: CopyAnswer[]): Attempted => ({
    right,
    plain: rollouts[0]!,
    attempts: { rollouts, copies: rollouts.slice(0, 1), chains: [] },
  })
  const all = [
    made('r', [answer('r', 1, 1), answer('w', 0), answer('w', 2, 3), answer('r', 3, 2)]),
    made('r', [answer('w', 1, 1), answer('w', 0), answer('w', 2, 3), answer('w', 3, 2)]),
    { ...made('', [answer('w', 1)]), right: undefined },
  ]
  const options = { steps: 4, seed: 1, resamples: 200 }

  test('count what is right by each choice, and the steps', () => {
    const points = attemptCurve(all, 'rollouts', options)
    assert.deepEqual(points.map(({ attempts }) => attempts), [1, 2, 4]) // prettier-ignore
    const [one, two, four] = points
    assert.equal(one!.accuracy['best q']!.value, 0.25, 'two of four of one of two questions')
    assert.equal(two!.accuracy['best q']!.value, 0.5)
    assert.equal(four!.accuracy['best q']!.value, 0.5)
    assert.equal(four!.accuracy.majority!.value, 0.5, 'two each: the more confident')
    assert.equal(two!.accuracy['any right']!.value, 0.5)
    assert.deepEqual(points.map(({ fullSteps }) => fullSteps), [4, 8, 16]) // prettier-ignore
    assert.equal(one!.firstSteps!.value, (1 + 4 + 3 + 2) / 4)
    assert.equal(four!.firstSteps!.value, 4)
    assert.ok(four!.accuracy['best q']!.low! < 0.5 && four!.accuracy['best q']!.high! > 0.5)
    assert.deepEqual(attemptCurve(all, 'chains', options), [])
    // No question disagrees with another: Wilson's interval instead of none.
    const same = attemptCurve([all[0]!], 'rollouts', options).at(-1)!.accuracy['best q']!
    assert.ok(same.low! < 1 && same.high === 1)
  })

  test('stand in tables beside what one pass gives and what others reported', () => {
    const config = compileConfig({ preset: 'sudoku-6x6', env: {}, flags: {} })
    const noise = { seed: 1, sigma: 0.3, states: 'answer' } as const
    const { tables, pictures, notes } = testtimeFindings({ description: 'd', all }, config, { noise, ...options })
    assert.deepEqual(tables.map(({ title }) => title), ['Noisy rollouts']) // prettier-ignore
    const [table] = tables
    assert.equal(table!.rows[0]!.measured[0]!.value, 0.5)
    assert.equal(table!.rows.at(-1)!.measured[4]!.value, 16)
    assert.equal(table!.rows.at(-1)!.reported[0]!.grade, 'S')
    assert.equal(pictures[0]!.series.length, 4)
    assert.match(notes.join(' '), /N\(0, 0\.3²\) on z_H/)
  })
})

test('the inquiry asks each question plainly, noisily, as copies and by chains, and files the answers', () => {
  const order = { rollouts: 2, copies: 3, chains: 2, noise: { seed: 1, sigma: 0.3, states: 'answer' } } as const
  assert.deepEqual(
    attemptRows(1, () => 3, order).map(({ kind, copy, chain }) => `${kind} ${copy} ${chain}`),
    ['plain 0 0', 'rollouts 0 0', 'rollouts 0 0', 'copies 1 0', 'copies 2 0', 'chains 0 1'],
  )
  const inquiry = attemptInquiry(order)
  const set = inquiry.ask(sourceOf(madeUpRows()))
  const { model } = compileConfig({ preset: 'tiny', env: {}, flags: {} })
  assert.deepEqual(inquiry.question!(model), { steps: [4], early: true, noise: order.noise })
  const draws = Array.from({ length: set.rows }, (_, row) => (set.row(row) as { draw?: number }).draw ?? 0)
  assert.deepEqual(draws.slice(0, 4), [0, 2, 3, 0])
  assert.equal(new Set(draws.filter((draw) => draw > 0)).size, 24, 'no two rollouts share their noise')
  for (let row = 0; row < set.rows; row++) {
    const { labels } = set.row(row)
    const right = { step: 4, preds: labels, q: row }
    inquiry.onAnswers!(row, { after: [right], early: { ...right, step: 1, preds: new Uint8Array(labels.length) } })
  }
  const found = inquiry.found()
  assert.equal(found.length, 12)
  assert.ok(found.every(({ plain, right, attempts }) => [plain, ...attempts.copies].every(({ key }) => key === right)))
  assert.ok(found.every(({ plain, right }) => plain.early.key !== right && plain.early.step === 1))
  assert.ok(found.every(({ attempts }) => attempts.rollouts.length === 2 && attempts.chains.length === 2))
  assert.equal(found[0]!.attempts.copies[0], found[0]!.plain)
})
