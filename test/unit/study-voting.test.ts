// Voting replayed with fewer votes: with all of them it is the evaluation itself, draws are seeded and nested, and intervals
// hold what they should.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import { ConfigError } from '../../shared/errors.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { Ballots } from '../../coordinator/study/ballots.js'
import { VoteCurve, voteNumbers, type Curve } from '../../coordinator/study/vote-curve.js'
import { voteInquiry } from '../../coordinator/study/vote-inquiry.js'
import { copiesToVote } from '../../coordinator/study/voting.js'
import { madeUpRows, sourceOf } from '../helpers/study.js'

/** Every row answered: rightly with this chance, else one of two wrong answers. */
function answered(chance: (task: string, row: number) => number): {
  ballots: readonly Ballots[]
  pass: Record<number, number>
} {
  const rows = madeUpRows()
  const inquiry = voteInquiry()
  const set = inquiry.ask(sourceOf(rows))
  const [own, official] = [set.scorer(), rows.scorer()]
  for (let row = 0; row < rows.rows; row++) {
    const rng = rngFor(9, 'answer', row)
    const { labels, task } = rows.row(row)
    const preds = labels.slice()
    if (rng.uniform() > chance(task, row)) preds[0] = preds[0] === 3 ? 4 : 3 + Number(rng.uniform() > 0.5)
    const q = 2 * rng.uniform() - 1
    own.add(row, preds, q)
    official.add(row, preds, q)
  }
  own.finish()
  return { ballots: inquiry.ballots, pass: { ...official.arc()!.pass } }
}

function curveOf(ballots: readonly Ballots[], seed: number, resamples = 300): Curve {
  const curve = new VoteCurve(ballots, seed, resamples)
  while (curve.done < resamples) curve.resample()
  return curve.curve()
}

test('numbers of votes are round, and end with all', () => {
  assert.deepEqual(voteNumbers(1001), [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1001])
  assert.deepEqual(voteNumbers(1000), [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
  assert.deepEqual(voteNumbers(3), [1, 2, 3])
  assert.deepEqual(voteNumbers(1), [1])
})

test('with all votes the curve ends where the evaluation stands', () => {
  const { ballots, pass } = answered(() => 0.45)
  const last = curveOf(ballots, 1).points.at(-1)!
  assert.equal(last.votes, 9)
  assert.ok(pass[1]! > 0.2 && pass[1]! < 1, 'a vote that is neither lost nor won')
  assert.ok(Math.abs(last.pass[0]!.value - pass[1]!) < 1e-12)
  assert.ok(Math.abs(last.pass[1]!.value - pass[2]!) < 1e-12)
})

test('where most copies are right, more votes are better; one vote of any copy is as good as a copy', () => {
  const { ballots } = answered(() => 0.6)
  const { points, single } = curveOf(ballots, 1, 1000)
  const values = points.map(({ pass }) => pass[0]!.value)
  assert.ok(values.at(-1)! > values[0]! + 0.1, String(values))
  // The share of right votes, counted without any resampling.
  const share = ballots.reduce((sum, pair) => sum + right(pair), 0) / ballots.length
  assert.ok(Math.abs(values[0]! - share) < 0.02, `${values[0]} is near ${share}`)
  for (const { pass, gain } of points) {
    assert.ok(pass[0]!.low! <= pass[0]!.value && pass[0]!.value <= pass[0]!.high!)
    assert.ok(pass[0]!.value <= pass[1]!.value + 1e-12, 'two tries are never worse than one')
    assert.ok(Math.abs(gain[0]!.value - (pass[0]!.value - single[0]!.value)) < 1e-12)
  }
})

const right = (pair: Ballots): number =>
  Array.from({ length: pair.length }, (_, place) => pair.ranks([place], [1])[0]!).filter((rank) => rank === 0).length /
  pair.length

test('a seed gives the same numbers again, another seed others', () => {
  const { ballots } = answered(() => 0.5)
  assert.deepEqual(curveOf(ballots, 3, 100), curveOf(ballots, 3, 100))
  assert.notDeepEqual(curveOf(ballots, 3, 100), curveOf(ballots, 4, 100))
})

test('where all are right the interval is not a point', () => {
  const { ballots } = answered(() => 1.1)
  const { points } = curveOf(ballots, 1, 100)
  assert.equal(points[0]!.pass[0]!.value, 1)
  assert.ok(points[0]!.pass[0]!.low! < 0.95, 'six tasks do not say more')
})

test('too few votes are refused in one line', () => {
  const config = (augmentations: number): Parameters<typeof copiesToVote>[0]['config'] =>
    compileConfig({ preset: 'tiny', env: {}, flags: { 'data.augmentations': String(augmentations) } })
  const wishes = {
    augmentations: undefined,
    maxPairs: undefined,
    resamples: 100,
    rollouts: 1,
    sigma: 0.3,
    noiseOn: 'answer' as const,
    steps: undefined,
    batches: 4,
    seed: 0,
  }
  assert.throws(() => copiesToVote({ config: config(0), wishes }), ConfigError)
  assert.throws(() => copiesToVote({ config: config(4), wishes: { ...wishes, augmentations: 0 } }), /too few votes/)
  assert.equal(copiesToVote({ config: config(4), wishes: { ...wishes, augmentations: 9 } }), 4)
})
