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
    const run = new Simulation(rng, policy, harm)
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
