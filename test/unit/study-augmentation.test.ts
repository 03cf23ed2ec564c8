// Two runs compared: only on pairs both were asked, difference by difference, and with a plan that says what it lacks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arcFindings, planOf } from '../../coordinator/study/augmentation.js'
import type { Ballots } from '../../coordinator/study/ballots.js'
import { difference } from '../../coordinator/study/compare-runs.js'
import { voteInquiry } from '../../coordinator/study/vote-inquiry.js'
import { compileConfig } from '../../shared/config/compile.js'
import { ConfigError } from '../../shared/errors.js'
import { madeUpRows, sourceOf } from '../helpers/study.js'

function ballots(augmentations: number, right: (member: number) => boolean): readonly Ballots[] {
  const rows = madeUpRows(augmentations)
  const inquiry = voteInquiry()
  const scorer = inquiry.ask(sourceOf(rows)).scorer()
  for (let row = 0; row < rows.rows; row++) {
    const { part, puzzle } = rows.at(row)
    const { labels } = rows.row(row)
    const preds = labels.slice()
    if (!right(puzzle - part.group.from)) preds[0] = preds[0] === 3 ? 4 : 3
    scorer.add(row, preds, 0)
  }
  scorer.finish()
  return inquiry.ballots
}

const wishes = {
  augmentations: undefined,
  maxPairs: undefined,
  resamples: 200,
  steps: undefined,
  batches: 4,
  seed: 1,
  rollouts: 1,
  sigma: 0.3,
  noiseOn: 'answer' as const,
}

test('what the vote adds to the augmented run shows in the vote only', () => {
  // Without augmentations: always wrong. With them: the original wrong, every copy right.
  const none = ballots(0, () => false)
  const some = ballots(8, (member) => member > 0)
  const { tables, pictures, asked } = arcFindings([none, some], { augmentations: 8, steps: 5 }, wishes)
  assert.match(asked, /^12 test pairs of 6 tasks/)
  const [plain, augmented] = tables[0]!.rows.map(({ measured }) => measured.map((one) => one?.value))
  assert.deepEqual(plain, [0, 0, 0, 0, 0, 1])
  assert.deepEqual(augmented!.slice(0, 5), [0, 0, 1, 1, 1])
  const [alone, voted] = tables[1]!.rows.map(({ measured }) => measured[0]!.value)
  assert.deepEqual([alone, voted], [0, 1])
  assert.equal(pictures[0]!.series.length, 2)
  assert.equal(tables[0]!.rows[1]!.reported.length, 2)
})

test('pairs that one of the two was not asked do not count', () => {
  const all = ballots(0, () => true)
  const { asked } = arcFindings([all, all.slice(0, 3)], { augmentations: 1, steps: 5 }, wishes)
  assert.match(asked, /^3 test pairs/)
})

test('a difference is paired: equal gains on unequal tasks have no spread', () => {
  const before = [0, 0.25, 0.5, 0.75]
  const found = difference(before, before.map((value) => value + 0.25), 1, 200)! // prettier-ignore
  assert.ok(Math.abs(found.value - 0.25) < 1e-12)
  assert.ok(found.high! - found.low! < 1e-12)
  assert.equal(difference([1], [1, 0], 1, 10), null)
})

test('the plan follows the checkpoint, then the wishes; without a number it says so', () => {
  const config = (augmentations: string) => compileConfig({ preset: 'tiny', env: {}, flags: { 'data.augmentations': augmentations } }) // prettier-ignore
  const checkpoint = { dir: 'd', step: 70 }
  assert.deepEqual(planOf({ config: config('4'), checkpoint, wishes }), { augmentations: 4, steps: 70 })
  const more = { ...wishes, augmentations: 2, steps: 9 }
  assert.deepEqual(planOf({ config: config('4'), checkpoint, wishes: more }), { augmentations: 2, steps: 9 })
  assert.throws(() => planOf({ config: config('0'), checkpoint, wishes }), ConfigError)
})
