// Whatever happens to a run, in whatever order: nothing throws, epochs do not shrink, steps are committed one by one, and what
// is over stays over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RunEvent } from '../../coordinator/run-state.js'
import { epochOf, millis, stepOf, workerId } from '../../shared/ids.js'
import { Machine } from '../helpers/run-machine.js'

/** Events that may or may not fit: epochs and steps are relative to the current ones. */
const anyEvent = fc.record({
  dutiful: fc.boolean(),
  type: fc.constantFrom(
    ...(['hello', 'prepared', 'ready', 'ready', 'beat', 'result', 'result', 'vote', 'vote', 'left'] as const),
    ...(['snapshotReady', 'checkpointed', 'evaluated', 'stop', 'disconnected', 'reconnected', 'tick'] as const),
  ),
  worker: fc.integer({ min: 0, max: 3 }),
  behind: fc.constantFrom(0, 0, 0, 0, 1),
  ok: fc.constantFrom(true, true, true, false),
  after: fc.constantFrom(0, 0, 10, 10, 100, 250, 250, 2000, 20_000),
  activity: fc.constantFrom('idle', 'computing', 'reducing' as const),
})
type Drawn = typeof anyEvent extends fc.Arbitrary<infer T> ? T : never

const at = (machine: Machine, behind: number) => ({
  epoch: epochOf(Math.max(0, machine.state.epoch - behind)),
  step: stepOf(Math.max(0, machine.state.step + machine.policy.stride - behind)),
})

/** What workers that do their duty would say now. */
function dutiful(machine: Machine): RunEvent[] {
  const { phase, team, members, writing } = machine.state
  const { epoch, step } = at(machine, 0)
  const saved: RunEvent[] = writing ? [{ type: 'checkpointed', ok: true }] : []
  const vote = { finite: true, mean: 'm', params: 'p' }
  switch (phase) {
    case 'gathering':
      return [...members.keys()].map((worker) => ({ type: 'prepared', worker }))
    case 'syncing':
      return team.map((worker) => ({ type: 'ready', worker, epoch, params: 'p' }))
    case 'training':
      return team.flatMap((worker): RunEvent[] => [
        { type: 'result', worker, epoch, step },
        { type: 'vote', worker, epoch, step, vote },
      ])
    case 'snapshotting':
      return team.map((worker) => ({ type: 'snapshotReady', worker, step: machine.state.step }))
    case 'evaluating':
      return [{ type: 'evaluated' }]
    default:
      return saved
  }
}

/** One event that may or may not fit. */
function oddEvent({ type, worker: number, behind, ok, activity }: Drawn, machine: Machine): RunEvent[] {
  const worker = workerId(`w-${number}`)
  const { epoch, step } = at(machine, behind)
  switch (type) {
    case 'ready':
      return [{ type, worker, epoch, params: 'p' }]
    case 'beat':
      return [{ type, worker, epoch, step, activity }]
    case 'result':
      return [{ type, worker, epoch, step }]
    case 'vote':
      return [{ type, worker, epoch, step, vote: { finite: ok, mean: 'm', params: 'p' } }]
    case 'left':
      return [{ type, worker, why: 'left' }]
    case 'snapshotReady':
      return [{ type, worker, step: stepOf(Math.max(0, machine.state.step - behind)) }]
    case 'checkpointed':
      // The loop tells it only of what it was asked to save.
      return machine.state.writing ? [{ type, ok }] : []
    case 'stop':
      // Rare, or runs would be short.
      return number === 0 && behind === 1 ? [{ type, why: 'asked' }] : []
    case 'hello':
    case 'prepared':
      return [{ type, worker }]
    case 'evaluated':
    case 'disconnected':
    case 'reconnected':
    case 'tick':
      return [{ type }]
  }
}

const eventsOf = (drawn: Drawn, machine: Machine): RunEvent[] =>
  drawn.dutiful ? dutiful(machine) : oddEvent(drawn, machine)

const policies = fc
  .record({
    minWorkers: fc.integer({ min: 1, max: 3 }),
    maxWorkers: fc.integer({ min: 3, max: 4 }),
    checkpointEvery: fc.integer({ min: 0, max: 4 }),
    evaluateEvery: fc.integer({ min: 0, max: 4 }),
    steps: fc.integer({ min: 1, max: 12 }),
    stride: fc.constantFrom(1, 1, 3),
  })
  .map((policy) => ({ ...policy, steps: policy.steps * policy.stride }))

/** @returns how many steps were committed */
function happen(
  run: Machine,
  event: RunEvent,
  policy: { minWorkers: number; maxWorkers: number; stride: number },
): number {
  const before = run.state
  const known = run.effects.length
  run.on(event)
  const effects = run.effects.slice(known)
  const after = run.state
  const commits = effects.filter(({ type }) => type === 'commit').length
  assert.ok(after.epoch >= before.epoch)
  assert.ok(commits <= 1)
  assert.equal(after.step, before.step + commits * policy.stride)
  assert.equal(new Set(after.team).size, after.team.length)
  for (const effect of effects) {
    if (effect.type === 'begin') {
      assert.ok(after.stopping === null && after.team.length >= policy.minWorkers)
      assert.ok(after.team.length <= policy.maxWorkers)
      assert.deepEqual(after.team, after.assigned, 'slots of the lost belong to nobody')
      assert.ok(after.team.every((id) => after.members.get(id)?.phase === 'ready'))
    }
    if (effect.type === 'commit')
      assert.ok(effect.team.every((id) => before.votes.has(id) || ('worker' in event && event.worker === id)))
    if (effect.type === 'snapshot') assert.deepEqual(after.team, after.assigned)
    if (effect.type === 'assign') assert.equal(effect.epoch, before.epoch + 1)
  }
  if (before.phase === 'finished' || before.phase === 'halted') {
    assert.deepEqual(effects, [])
    assert.equal(after, before)
  }
  return commits
}

test('any events in any order keep the run sane', () => {
  let committed = 0
  fc.assert(
    fc.property(policies, fc.array(anyEvent, { minLength: 20, maxLength: 150, size: 'max' }), (policy, drawn) => {
      const run = new Machine(policy)
      for (const one of drawn) {
        run.now = millis(run.now + one.after)
        for (const event of eventsOf(one, run)) committed += happen(run, event, policy)
      }
    }),
    { numRuns: 400 },
  )
  assert.ok(committed > 500, `the events must fit often enough to train: ${committed} commits`)
})

test('a run whose workers answer always ends, whoever dies on the way', () => {
  fc.assert(
    fc.property(
      policies,
      fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 3 })), { maxLength: 6 }),
      (policy, deaths) => {
        const run = new Machine(policy)
        let born = 0
        const join = (): void => void run.join(workerId(`w-${born++}`))
        for (let i = 0; i < 3; i++) join()
        for (let turn = 0; turn < 400 && run.state.phase !== 'finished'; turn++) {
          for (const [, victim] of deaths.filter(([at]) => at === turn)) {
            const worker = [...run.state.members.keys()][victim]
            if (worker !== undefined) run.on({ type: 'left', worker, why: 'killed' })
            join()
          }
          const { phase, team, writing } = run.state
          if (phase === 'gathering') join()
          if (phase === 'syncing') run.ready(...team)
          if (phase === 'training') run.step()
          if (phase === 'snapshotting') run.copied(...team)
          if (phase === 'evaluating') run.on({ type: 'evaluated' })
          if (writing && turn % 3 === 0) run.on({ type: 'checkpointed', ok: true })
          run.pass(250)
        }
        assert.equal(run.state.phase, 'finished')
        if (run.last('rewind') === undefined) {
          assert.equal(run.state.step, policy.steps)
          assert.equal(run.state.checkpointAt, policy.steps)
        }
      },
    ),
    { numRuns: 500 },
  )
})
