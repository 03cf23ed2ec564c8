// The pure parts of the comparison with PyTorch: whose turn it is, what the times say, what counts as an answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DataError } from '../../shared/errors.js'
import { parseAnswer } from '../bench/peer/protocol.js'
import { duration, meanDifference, quantile, speedRatio, stepsPerTurn, turnsOf } from '../bench/peer/rounds.js'
import { leastOf, presetConfig, randomBatch } from '../bench/peer/setting.js'

test('contestants take turns: A B C A B C', () => {
  assert.deepEqual(
    turnsOf(3, 2).map(({ who, round }) => `${round}${'ABC'[who]}`),
    ['0A', '0B', '0C', '1A', '1B', '1C'],
  )
  assert.deepEqual(turnsOf(2, 0), [])
})

test('short steps fill a turn of about a second, long ones are a turn each', () => {
  assert.equal(stepsPerTurn(15), 1)
  assert.equal(stepsPerTurn(0.25), 4)
  assert.equal(stepsPerTurn(1e-9), 100)
})

test('quantiles lie between neighbours, whatever the order', () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2)
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5)
  assert.equal(quantile([5, 1], 1), 5)
  assert.ok(Number.isNaN(quantile([], 0.5)))
})

test('ratios are taken round by round, so that drift of the machine cancels', () => {
  // The machine gets twice as slow in every round; ours is three times as fast throughout.
  assert.deepEqual(speedRatio([1, 2, 4], [3, 6, 12]), { median: 3, low: 3, high: 3 })
  assert.deepEqual(speedRatio([1, 1, 1], [0.5, 2, 1]), { median: 1, low: 0.5, high: 2 })
  assert.throws(() => speedRatio([1], [1, 2]), /1 rounds of ours .* 2 of theirs/)
  assert.throws(() => speedRatio([], []), RangeError)
})

test('the distance of two curves is relative to the second', () => {
  assert.equal(meanDifference([1, 2], [1, 2]), 0)
  assert.equal(meanDifference([1.1, 1.9], [1, 2]).toFixed(6), (0.2 / 3).toFixed(6))
  assert.ok(Number.isNaN(meanDifference([NaN], [1])))
  assert.throws(() => meanDifference([1], []), RangeError)
})

test('durations for people', () => {
  assert.equal(duration(12.4), '12 s')
  assert.equal(duration(200), '3 min 20 s')
})

test('an answer is taken, anything else is refused with the line', () => {
  assert.deepEqual(parseAnswer('{"is":"ready","engine":"x, 1","precision":"f32"}'), {
    is: 'ready',
    engine: 'x, 1',
    precision: 'f32',
  })
  assert.deepEqual(parseAnswer('{"is":"stepped","seconds":[0.5],"losses":[[1,2,3]]}').is, 'stepped')
  for (const line of [
    'Warning: something',
    '3',
    '{"is":"odd"}',
    '{"is":"stepped","seconds":[1],"losses":[]}',
    '{"is":"stepped","seconds":["1"],"losses":[[1,2,3]]}',
    '{"is":"matmul"}',
  ])
    assert.throws(() => parseAnswer(line), DataError)
})

test('everybody gets the same examples at the same step, and other ones at the next', () => {
  const config = presetConfig('tiny', 3)
  const batch = randomBatch(config, 7)
  assert.deepEqual(batch, randomBatch(config, 7))
  assert.notDeepEqual(batch.inputs, randomBatch(config, 8).inputs)
  assert.deepEqual(
    batch.inputs.map((row) => row.length),
    Array.from({ length: 3 }, () => config.model.seqLen),
  )
  assert.ok(batch.labels.flat().every((label) => label > 0 && label < config.model.vocab))
  assert.throws(() => presetConfig('huge', 1), /there is no preset huge/)
})

test('exploration asks for 2 to all supervision steps, in about one slot of ten', () => {
  const config = presetConfig('arc1', 50)
  const least = Array.from({ length: 40 }, (_, step) => leastOf(config, step + 1)).flat()
  const exploring = least.filter((one) => one !== 0)
  assert.ok(exploring.length > 120 && exploring.length < 280, `${exploring.length} of ${least.length}`)
  assert.ok(exploring.every((one) => one >= 2 && one <= config.model.haltMaxSteps))
})
