// Slots follow measured speed: twice as fast, about twice the slots; noise moves nothing; few move at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  betterShares,
  firstShares,
  movedBetween,
  noted,
  scores,
  stragglerOf,
  WINDOW,
  type Speeds,
} from '../../coordinator/speed.js'
import type { WorkerId } from '../../shared/ids.js'
import { A, B, C } from '../helpers/run-machine.js'

const known = (...ms: readonly (readonly [WorkerId, number])[]): Speeds =>
  ms.reduce<Speeds>((speeds, [id, one]) => Array.from({ length: WINDOW }).reduce<Speeds>((all) => noted(all, id, one), speeds), new Map()) // prettier-ignore

test('a worker twice as fast comes to own about twice the slots, a few at a time, and then all stays', () => {
  const speeds = known([A, 20], [B, 10])
  let shares: readonly number[] = [24, 24]
  const seen: (readonly number[])[] = []
  for (let better = betterShares(shares, speeds, [A, B]); better !== undefined;) {
    assert.ok(movedBetween(shares, better) <= 12)
    seen.push((shares = better))
    better = betterShares(shares, speeds, [A, B])
  }
  assert.equal(seen.length, 1)
  assert.ok(Math.abs(shares[1]! / shares[0]! - 2) < 0.4, shares.join())
  assert.deepEqual(firstShares([24, 24], speeds, [A, B]), [16, 32], 'a new team begins with what is known')
})

test('noise of a few percent, a single slow step, and workers not known yet move nothing', () => {
  assert.equal(betterShares([8, 8], known([A, 10], [B, 10.9]), [A, B]), undefined)
  assert.equal(betterShares([8, 8], noted(known([A, 10], [B, 10]), B, 500), [A, B]), undefined)
  assert.equal(betterShares([8, 8], noted(known([A, 10]), B, 500), [A, B]), undefined)
  assert.deepEqual(firstShares([8, 8], new Map(), [A, B]), [8, 8])
  assert.deepEqual(noted(new Map(), A, NaN), new Map(), 'a measurement that is none')
})

test('a straggler is seen through the noise of those who are done in no time', () => {
  const scattered = [10, 30, 10, 30, 10, 30, 10, 30].reduce<Speeds>(
    (speeds, ms) => noted(noted(speeds, A, ms), C, ms),
    known([B, 200]),
  )
  assert.deepEqual(betterShares([4, 4, 4], scattered, [A, B, C])?.[1], 1)
  const alike = [10, 30, 10, 30, 10, 30, 10, 30].reduce<Speeds>((speeds, ms) => noted(speeds, A, ms), known([B, 12]))
  assert.equal(betterShares([12, 12], alike, [A, B]), undefined)
})

test('whatever the speeds: no slot is lost, nobody has none, and every step of the way is shorter', () => {
  const speed = fc.integer({ min: 1, max: 1000 })
  fc.assert(
    fc.property(speed, speed, speed, fc.integer({ min: 1, max: 40 }), (a, b, c, each) => {
      const team = [A, B, C]
      const ms = [a, b, c]
      const speeds = known([A, a], [B, b], [C, c])
      const longest = (shares: readonly number[]): number => Math.max(...shares.map((units, i) => units * ms[i]!))
      let shares: readonly number[] = [each, each, each]
      for (let i = 0, better; (better = betterShares(shares, speeds, team)) !== undefined; i++) {
        assert.ok(i < 100, 'it ends')
        assert.equal(better.reduce((sum, one) => sum + one, 0), 3 * each) // prettier-ignore
        assert.ok(Math.min(...better) >= 1)
        assert.ok(longest(better) < longest(shares))
        shares = better
      }
    }),
  )
})

test('who holds everyone up with a single slot is found, who merely is slower is not; each has a score', () => {
  const speeds = known([A, 10], [B, 12], [C, 250])
  assert.deepEqual(stragglerOf([8, 7, 1], speeds, [A, B, C]), { worker: C, times: 250 / 84 })
  assert.equal(stragglerOf([8, 6, 2], speeds, [A, B, C]), undefined, 'it can be given less')
  assert.equal(stragglerOf([8, 7, 1], known([A, 10], [B, 12], [C, 100]), [A, B, C]), undefined)
  assert.deepEqual([...scores(speeds, [A, B, C])], [[A, 1.2], [B, 1], [C, 12 / 250]]) // prettier-ignore
})
