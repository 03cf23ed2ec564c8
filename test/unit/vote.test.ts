// Votes: the order of spec 12.1 row 22, pairs without predictions, unknown answers, and the answer sheet.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IDENTITY } from '../../shared/arc/augment.js'
import { gridOf } from '../../shared/arc/grid.js'
import { officialSubmission, submission } from '../../shared/arc/submission.js'
import type { Task } from '../../shared/arc/task.js'
import { encode } from '../../shared/arc/tokens.js'
import { Votes } from '../../shared/arc/vote.js'
import { wilson } from '../../shared/wilson.js'

const CANVAS = 6
const [A, B, C] = [gridOf([[1]]), gridOf([[2, 2]]), gridOf([[3], [3]])] // prettier-ignore
const [ONE, TWO, THREE] = [gridOf([[7]]), gridOf([[8]]), gridOf([[9]])]
const TASK: Task = {
  name: 'a',
  pairs: [
    { split: 'train', input: ONE, output: ONE },
    { split: 'test', input: ONE, output: A },
    { split: 'test', input: TWO, output: C },
    { split: 'test', input: THREE, output: undefined },
  ],
}

const logit = (q: number): number => Math.log(q / (1 - q))

test('more votes win, then more confidence; unknown answers do not count', () => {
  const votes = new Votes([{ task: TASK, pairs: [0, 1, 2] }], CANVAS)
  const add = (answer: typeof A, q: number, input = ONE): void =>
    votes.add('a', IDENTITY, encode(input, CANVAS), encode(answer, CANVAS), logit(q))
  for (let i = 0; i < 3; i++) add(A, 0.2)
  for (let i = 0; i < 3; i++) add(B, 0.9)
  add(C, 0.99)
  add(B, 0.5, THREE)
  votes.add('other', IDENTITY, encode(ONE, CANVAS), encode(A, CANVAS), 0)
  const ranked = votes.candidates('a', ONE)
  assert.deepEqual(
    ranked.map((c) => [c.grid.cells[0], c.votes]),
    [[2, 3], [1, 3], [3, 1]], // prettier-ignore
  )
  const score = votes.score()
  assert.deepEqual([score.pass[1], score.pass[2], score.knownPairs, score.solvedPairs], [0, 0.5, 2, 1])
  assert.deepEqual(score.pairs.map((pair) => pair.rank), [1, -1, -1]) // prettier-ignore
  assert.deepEqual(submission(score), {
    a: [
      { attempt_1: [[2, 2]], attempt_2: [[1]] },
      { attempt_1: [[0]], attempt_2: [[0]] },
      { attempt_1: [[2, 2]], attempt_2: [[2, 2]] },
    ],
  })
  assert.equal(officialSubmission(score)['a']?.length, 2, 'the official form skips the pair without predictions')
  assert.deepEqual(new Votes([{ task: TASK, pairs: [0] }], CANVAS).score().pass[1000], 0, 'votes are of one evaluation')
})

test('votes of earlier evaluations count if they are kept, in the order they came', () => {
  const asked = [{ task: TASK, pairs: [0, 1, 2] }]
  const vote = (votes: Votes, answer: typeof A, q: number): void =>
    votes.add('a', IDENTITY, encode(ONE, CANVAS), encode(answer, CANVAS), logit(q))
  const first = new Votes(asked, CANVAS)
  vote(first, A, 0.5)
  vote(first, C, 0.5)
  const second = new Votes(asked, CANVAS, first)
  vote(second, B, 0.5)
  vote(second, A, 0.9)
  const third = new Votes(asked, CANVAS, second)
  vote(third, B, 0.5)
  vote(third, B, 0.2)
  const shown = (votes: Votes): unknown =>
    votes
      .candidates('a', ONE)
      .map(({ grid, votes: count, confidence }) => [grid.cells[0], count, confidence.toFixed(2)])
  assert.deepEqual(shown(first), [[1, 1, '0.50'], [3, 1, '0.50']], 'what is kept is left as it was') // prettier-ignore
  assert.deepEqual(shown(second), [[1, 2, '0.70'], [3, 1, '0.50'], [2, 1, '0.50']]) // prettier-ignore
  assert.deepEqual(shown(third), [[2, 3, '0.40'], [1, 2, '0.70'], [3, 1, '0.50']]) // prettier-ignore
  assert.equal(third.score().pairs[0]?.votes, 6)
  assert.equal(third.score().pass[1], 0)
})

test('an empty prediction is a vote like any other, and a black cell on the answer sheet', () => {
  const votes = new Votes([{ task: TASK, pairs: [0] }], CANVAS)
  const nothing = new Uint8Array(CANVAS * CANVAS)
  for (let i = 0; i < 2; i++) votes.add('a', IDENTITY, encode(ONE, CANVAS), nothing, logit(0.5))
  votes.add('a', IDENTITY, encode(ONE, CANVAS), encode(A, CANVAS), logit(0.5))
  const [pair] = votes.score().pairs
  assert.deepEqual(pair?.candidates.map(({ grid, votes: count }) => [grid.rows, grid.cols, count]), [[0, 0, 2], [1, 1, 1]]) // prettier-ignore
  assert.equal(pair.rank, 1)
  assert.deepEqual(submission(votes.score())['a']?.[0], { attempt_1: [[0]], attempt_2: [[1]] })
})

test('the Wilson interval', () => {
  const { low, high } = wilson(5, 10)
  assert.ok(Math.abs(low - 0.236593) < 1e-6 && Math.abs(high - 0.763407) < 1e-6)
  assert.deepEqual(wilson(0, 0), { low: 0, high: 1 })
  assert.equal(wilson(0, 7).low, 0)
  assert.equal(wilson(7, 7).high, 1)
})
