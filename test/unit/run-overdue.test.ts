// What the clock and the heartbeats tell the run's state machine: who is dead, what was lost, what only waits.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { epochOf, millis, stepOf } from '../../shared/ids.js'
import { A, B, Machine, training } from '../helpers/run-machine.js'

describe('lost messages', () => {
  test('who waits for a step is sent it again, at growing distances; when that does not help, the step is replayed', () => {
    const run = training({}, [A, B], 1)
    assert.deepEqual(run.pass(1000, [], 'idle'), [])
    assert.deepEqual(run.pass(500, [], 'idle'), ['remind', 'remind'])
    assert.equal(run.last('remind')?.lack, 'begin')
    assert.deepEqual(run.pass(1500, [], 'idle'), [])
    assert.deepEqual(run.pass(750, [], 'idle'), ['remind', 'remind'])
    assert.deepEqual(run.pass(5000, [], 'idle').slice(-2), ['discard', 'assign'])
    assert.equal(run.last('discard')?.reason, 'stalled')
  })

  test('what was lost follows from where a worker is, and from what we have of it', () => {
    const lacks = (run: Machine, activity: 'reducing' | 'voting' | 'idle'): unknown[] => {
      run.pass(1500, [], activity)
      return run.effects.filter((effect) => effect.type === 'remind').map(({ worker, lack }) => [worker, lack])
    }
    const run = training({}, [A, B], 1)
    const { epoch } = run.state
    run.on({ type: 'result', worker: A, epoch, step: stepOf(2) })
    assert.deepEqual(lacks(run, 'reducing'), [[B, 'word']], 'its result')
    const voting = training({}, [A, B], 1)
    voting.vote(A)
    assert.deepEqual(lacks(voting, 'voting'), [[B, 'word']], 'its vote')
    const behind = training({}, [A, B], 1)
    const at = stepOf(0)
    for (let i = 0; i < 8; i++) {
      behind.now = millis(behind.now + 250)
      behind.on({ type: 'beat', worker: A, epoch, step: at, activity: 'voting' })
      behind.on({ type: 'beat', worker: B, epoch, step: stepOf(1), activity: 'computing' })
      behind.on({ type: 'tick' })
    }
    assert.equal(behind.last('remind')?.lack, 'commit')
  })

  test('on steps of a minute nobody is asked, or given up, within seconds', () => {
    const run = training({}, [A, B], 1)
    for (let i = 0; i < 3; i++) {
      run.pass(60_000, [], 'computing')
      run.step()
    }
    assert.ok(run.state.stepMs > 25_000, `${run.state.stepMs}`)
    assert.deepEqual(run.pass(5000, [], 'idle'), [])
    assert.deepEqual(run.pass(5000, [B], 'computing'), [])
    const all = run.pass(30_000, [B], 'computing')
    assert.deepEqual(all.filter((type) => type !== 'remind').slice(0, 2), ['lost', 'discard'])
  })

  test('while one computes, nothing is stalled, however long it takes', () => {
    const run = training({}, [A, B], 1)
    assert.deepEqual(run.pass(120_000, [], 'computing'), [])
  })

  test('long idleness before a step does not count against it', () => {
    const run = new Machine({ minWorkers: 2 })
    run.join(A)
    run.pass(60_000, [], 'idle')
    run.join(B)
    run.ready(A, B)
    assert.deepEqual(run.pass(1000, [], 'idle'), [])
  })

  test('an assignment, a copy or an answer that does not come, however often it is asked for, is begun anew', () => {
    const done = (run: Machine): string[] => run.pass(8500, [], 'idle').filter((type) => type !== 'remind')
    const syncing = new Machine({ minWorkers: 2 })
    syncing.join(A, B)
    syncing.ready(A)
    assert.deepEqual(done(syncing), ['assign'])

    const copying = training({ checkpointEvery: 2 }, [A, B], 2)
    assert.equal(copying.state.phase, 'snapshotting')
    copying.copied(A)
    assert.deepEqual(done(copying), ['assign'])
    assert.ok(copying.effects.some((effect) => effect.type === 'remind' && effect.lack === 'snapshot'))
    assert.deepEqual(copying.ready(A, B), ['snapshot'])

    const evaluating = training({ evaluateEvery: 2 }, [A, B], 2)
    assert.equal(evaluating.state.phase, 'evaluating')
    assert.deepEqual(done(evaluating), ['abandonEvaluation', 'assign'])
    assert.deepEqual(evaluating.ready(A, B), ['evaluate'])
  })

  test('a heartbeat of the epoch before tells that the assignment never arrived', () => {
    const run = new Machine({ minWorkers: 2 })
    run.join(A, B)
    run.ready(A)
    const before = epochOf(run.state.epoch - 1)
    assert.deepEqual(
      run.pass(1000, [], 'idle', () => before),
      [],
    )
    assert.deepEqual(
      run.pass(500, [], 'idle', () => before),
      ['remind'],
    )
    assert.deepEqual(run.last('remind')?.lack, 'assign')
  })

  test('nobody is dead while the bus is; then everything asked is asked again', () => {
    for (const [policy, steps, again] of [
      [{}, 1, ['discard', 'assign']],
      [{ checkpointEvery: 2 }, 2, ['assign']],
      [{ evaluateEvery: 2 }, 2, ['abandonEvaluation', 'assign']],
    ] as const) {
      const run = training(policy, [A, B], steps)
      run.on({ type: 'disconnected' })
      assert.deepEqual(run.pass(30_000, [A, B]), [])
      assert.deepEqual(run.on({ type: 'reconnected' }), again)
      assert.deepEqual(run.pass(4000, [A, B]), [])
    }
  })

  test('a pause of our own kills nobody', () => {
    const run = training({}, [A, B], 1)
    run.pass(1000)
    run.now = millis(run.now + 20_000)
    assert.deepEqual(run.on({ type: 'tick' }), [])
    assert.deepEqual(run.pass(6000, [B]), ['lost', 'discard'])
  })
})

test('a worker that waits for work while we wait for it to be prepared is asked again, then to begin again', () => {
  const machine = training({ minWorkers: 1 }, [A])
  machine.on({ type: 'hello', worker: B })
  // Its replica takes its time: nobody minds.
  machine.pass(4000, [], 'computing')
  assert.ok(machine.state.members.has(B))
  const idle = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 250) {
      machine.now = millis(machine.now + 250)
      const { epoch, step } = machine.state
      machine.on({ type: 'beat', worker: A, epoch, step, activity: 'computing' })
      machine.on({ type: 'beat', worker: B, epoch: epochOf(0), step: stepOf(0), activity: 'idle' })
      machine.on({ type: 'tick' })
    }
  }
  idle(2500)
  assert.deepEqual(machine.last('remind'), { type: 'remind', worker: B, epoch: epochOf(0), lack: 'word' })
  assert.ok(machine.state.members.has(B))
  idle(6500)
  assert.ok(!machine.state.members.has(B))
  assert.equal(machine.last('lost')?.worker, B)
  assert.equal(machine.state.phase, 'training', 'those who train are not disturbed')
})

test('who waits while much gets through waits for a slow network: nothing is replayed', () => {
  const machine = training({ minWorkers: 2 }, [A, B])
  const beats = (moved: boolean): string[] => {
    const done: string[] = []
    for (let passed = 0; passed < 12_000; passed += 500) {
      machine.now = millis(machine.now + 500)
      for (const worker of [A, B]) {
        const { epoch, step } = machine.state
        done.push(...machine.on({ type: 'beat', worker, epoch, step, activity: 'reducing', moved }))
      }
      done.push(...machine.on({ type: 'tick' }))
    }
    return done
  }
  assert.deepEqual(beats(true), [])
  assert.ok(beats(false).includes('discard'))
})
