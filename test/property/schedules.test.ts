// Thousands of runs in virtual time, each with its own misfortunes: whatever dies, stands still, comes late, twice, again or
// not at all, no step is lost or applied twice, replicas never differ, and once the misfortunes end, so does the run.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { millis } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { Harm } from '../helpers/simulated-network.js'
import { Simulation } from '../helpers/simulation.js'

const CALM: Harm = {
  lose: 0,
  double: 0,
  replay: 0,
  notFinite: 0,
  unsaved: 0,
  die: 0,
  pause: 0,
  join: 0,
  coordinator: 0,
  until: 0,
}
const STEPS = 30
const POLICY = { steps: STEPS, checkpointEvery: 7, evaluateEvery: 12, maxWorkers: 4 }
const SCHEDULES = 1500
/** Long after the last misfortune. */
const LIMIT_MS = 400_000

test('without misfortune every step is committed once, in the time that it takes', () => {
  const run = new Simulation(rngFor(1, 'calm'), POLICY, CALM)
  run.run(3, 60_000)
  assert.deepEqual(run.wrong, [])
  assert.equal(run.commits, STEPS)
  assert.ok(run.over && run.now < 20_000, `${run.now} ms`)
})

test('whatever happens on the way, nothing is lost or done twice, and the run ends', (t) => {
  let [commits, restarts, virtual] = [0, 0, 0]
  for (let i = 0; i < SCHEDULES; i++) {
    const rng = rngFor(2026, 'schedule', i)
    // Each kind of misfortune is absent from some schedules, so that none hides another.
    const share = (most: number): number => (rng.uniform() < 0.5 ? 0 : most * rng.uniform())
    const harm: Harm = {
      ...{ lose: share(0.03), double: share(0.1), replay: share(0.05), notFinite: share(0.02), unsaved: share(0.3) },
      ...{ die: share(0.3), pause: share(0.3), join: share(0.3), coordinator: share(0.05), until: 40_000 },
    }
    const stride = rng.uniform() < 0.3 ? 5 : 1 // rounds of local steps
    const policy = { ...POLICY, stride, minWorkers: 1 + Math.floor(rng.uniform() * 2), deadAfter: millis(3000) }
    const run = new Simulation(rng, { ...policy, balance: rng.uniform() < 0.5 }, harm)
    run.run(policy.minWorkers + Math.floor(rng.uniform() * 3), LIMIT_MS)
    assert.deepEqual(run.wrong, [], `schedule ${i}: ${JSON.stringify(harm)}`)
    commits += run.commits
    restarts += run.restarts
    virtual += run.now
  }
  t.diagnostic(
    `${SCHEDULES} runs, ${commits} commits, ${restarts} restarts, ${(virtual / 3_600_000).toFixed(1)} virtual hours`,
  )
  assert.ok(commits > SCHEDULES * STEPS, 'restarts must make steps be done again')
})

const LOST_ONCE = [
  'prepared',
  'assign',
  'ready',
  'begin',
  'result',
  'vote',
  'commit',
  'snapshot',
  'snapshotReady',
] as const

test('any one message lost: noticed within 3 s, said again, and no step is replayed for it', (t) => {
  for (const type of LOST_ONCE) {
    let slowest = 0
    // Of each worker, at the start, and later over a checkpoint, an evaluation, the end.
    for (let nth = 0; nth < 90; nth++) {
      const run = new Simulation(rngFor(5, 'once', nth), POLICY, CALM, { type, nth })
      run.run(3, 60_000)
      const what = `${type}, number ${nth}`
      assert.deepEqual(run.wrong, [], what)
      if (run.lostAt === undefined) {
        assert.ok(nth > 2, `${what} was never sent`)
        break
      }
      assert.deepEqual([run.over, run.commits, run.discards, run.restarts], [true, STEPS, 0, 0], what)
      assert.ok(run.noticedAt !== undefined, `${what} was never missed`)
      slowest = Math.max(slowest, run.noticedAt - run.lostAt)
    }
    assert.ok(slowest < 3000, `${type} is missed after ${slowest} ms`)
    t.diagnostic(`${type}: noticed within ${Math.round(slowest)} ms`)
  }
})

test('slots follow speed in virtual time: the run gets faster, and who is far too slow stands by', () => {
  const slow = new Simulation(rngFor(11, 'speed'), { ...POLICY, steps: 120, units: 24 }, CALM)
  slow.slownessOf = (born) => [1, 2, 40][born] ?? 1
  slow.run(3, 4_000_000)
  const fast = new Simulation(rngFor(11, 'speed'), { ...POLICY, steps: 120, units: 24, balance: true }, CALM)
  fast.slownessOf = slow.slownessOf
  fast.run(3, 4_000_000)
  assert.deepEqual([slow.wrong, fast.wrong, fast.commits], [[], [], 120])
  assert.ok(fast.now < slow.now / 3, `${fast.now} ms against ${slow.now}`)
  const { members, team, shares } = fast.machine.state
  const resting = [...members.values()].filter(({ restsUntil }) => restsUntil !== undefined)
  assert.equal(resting.length, 1)
  assert.equal(team.length, 2)
  const ratio = shares[0]! / shares[1]!
  assert.ok(ratio > 1.4 && ratio < 3.2, shares.join())
})
