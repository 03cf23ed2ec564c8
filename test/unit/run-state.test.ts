// The run's state machine: who trains, what commits, what is discarded, and how it ends, whatever happens on the way.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { millis, stepOf } from '../../shared/ids.js'
import { A, B, C, Machine, training } from '../helpers/run-machine.js'

const bad = { finite: false, mean: 'm', params: 'p' }

describe('steps', () => {
  test('begins once enough workers agree, and commits when all have reported and voted', () => {
    const run = new Machine({ minWorkers: 2 })
    assert.deepEqual(run.join(A), [])
    assert.equal(run.state.phase, 'gathering')
    assert.deepEqual(run.join(B), ['assign'])
    assert.deepEqual(run.ready(A), [])
    assert.deepEqual(run.ready(B), ['begin'])
    assert.deepEqual(run.vote(A), [])
    assert.deepEqual(run.vote(B), ['commit', 'begin'])
    assert.equal(run.state.step, 1)
    assert.deepEqual(run.last('commit')?.team, [A, B])
  })

  test('a vote without a result commits nothing, nor does one of another epoch or of a stranger', () => {
    const run = training({}, [A])
    const { epoch } = run.state
    const vote = { finite: true, mean: 'm', params: 'p' }
    run.on({ type: 'vote', worker: A, epoch, step: stepOf(1), vote })
    run.on({ type: 'result', worker: A, epoch, step: stepOf(2) })
    run.on({ type: 'result', worker: B, epoch, step: stepOf(1) })
    assert.equal(run.state.step, 0)
    assert.deepEqual(run.on({ type: 'result', worker: A, epoch, step: stepOf(1) }), ['commit', 'begin'])
  })

  test('a newcomer waits for the boundary, and is no part of the step that ends there', () => {
    const run = training({}, [A], 3)
    run.join(B)
    assert.deepEqual(run.step(), ['commit', 'assign'])
    assert.deepEqual(run.last('commit')?.team, [A])
    assert.deepEqual(run.last('assign')?.team, [A, B])
    assert.deepEqual(run.ready(A, B), ['begin'])
  })

  test('more workers than slots: the rest stand by and take over', () => {
    const run = training({ maxWorkers: 2 }, [A, B])
    run.join(C)
    assert.deepEqual(run.step(), ['commit', 'begin'])
    assert.deepEqual(run.on({ type: 'left', worker: A, why: 'stopped' }), ['lost', 'discard', 'assign'])
    assert.deepEqual(run.state.team, [B, C])
  })
})

describe('discards', () => {
  test('a silent member is dead after its time: the step is discarded and replayed by the rest', () => {
    const run = training({ minWorkers: 1 }, [A, B], 4)
    assert.deepEqual(run.pass(4750, [B]), [])
    assert.deepEqual(run.pass(750, [B]), ['lost', 'discard', 'assign'])
    assert.deepEqual(run.last('discard'), {
      type: 'discard',
      epoch: 1,
      step: 5,
      team: [A],
      reason: 'member-died',
    })
    run.ready(A)
    run.step()
    assert.equal(run.state.step, 5)
  })

  test('with too few left it waits, and goes on when another comes', () => {
    const run = training({ minWorkers: 2 }, [A, B], 2)
    assert.deepEqual(run.on({ type: 'left', worker: B, why: 'stopped' }), ['lost', 'discard'])
    assert.equal(run.state.phase, 'gathering')
    assert.deepEqual(run.join(C), ['assign'])
    assert.deepEqual(run.last('assign')?.team, [A, C])
  })

  test('when nobody holds the state any more, the run goes back to its checkpoint', () => {
    const run = training({}, [A], 2)
    run.on({ type: 'left', worker: A, why: 'stopped' })
    assert.deepEqual(run.join(B), ['rewind'])
    assert.equal(run.state.phase, 'finished')
  })

  test('a gradient that is not finite is tried three times, then the run halts with a remedy', () => {
    const run = training({}, [A], 1)
    for (const _ of [1, 2]) {
      assert.deepEqual(run.vote(A, bad), ['discard', 'assign'])
      run.ready(A)
    }
    assert.deepEqual(run.vote(A, bad), ['halt'])
    assert.match(run.last('halt')?.remedy ?? '', /train\.lr/)
  })

  test('replicas that differ halt the run before it can be hurt', () => {
    for (const key of ['mean', 'params'] as const) {
      const run = training({}, [A, B], 1)
      run.vote(A)
      assert.deepEqual(run.vote(B, { finite: true, mean: 'm', params: 'p', [key]: 'other' }), ['halt'])
      assert.match(run.last('halt')?.why ?? '', /w-a has .*w-b has other/)
    }
    const joined = new Machine({ minWorkers: 2 })
    joined.join(A, B)
    joined.ready(A)
    assert.deepEqual(joined.on({ type: 'ready', worker: B, epoch: joined.state.epoch, params: 'q' }), ['halt'])
  })
})

describe('checkpoints and evaluations', () => {
  test('are due at multiples, also after a resume in between', () => {
    const run = new Machine({ checkpointEvery: 10 }, { step: 7, epoch: 3, evaluated: true })
    run.join(A)
    run.ready(A)
    run.steps(2)
    assert.equal(run.state.phase, 'training')
    assert.deepEqual(run.step(), ['commit', 'snapshot'])
    assert.equal(run.state.step, 10)
    assert.deepEqual(run.copied(A), ['save', 'begin'])
  })

  test('while one is written the next waits for its turn, and training goes on', () => {
    const run = training({ checkpointEvery: 1 }, [A])
    run.step()
    assert.deepEqual(run.copied(A), ['save', 'begin'])
    assert.deepEqual(run.step(), ['commit', 'begin'])
    run.on({ type: 'checkpointed', ok: true })
    assert.deepEqual(run.step(), ['commit', 'snapshot'])
  })

  test('an evaluation is followed by the checkpoint that knows its score', () => {
    const run = training({ evaluateEvery: 2 }, [A], 2)
    assert.equal(run.state.phase, 'evaluating')
    assert.deepEqual(run.on({ type: 'evaluated' }), ['snapshot'])
    assert.deepEqual(run.copied(A), ['save', 'begin'])
  })

  test('who dies over a copy: the slots are dealt anew, then the copy is taken again', () => {
    const run = training({ minWorkers: 1, checkpointEvery: 2 }, [A, B], 2)
    run.copied(A)
    assert.deepEqual(run.on({ type: 'left', worker: B, why: 'killed' }), ['lost', 'assign'])
    assert.deepEqual(run.ready(A), ['snapshot'])
    assert.deepEqual(run.copied(A), ['save', 'begin'])
  })

  test('a copy that died with its worker after it was made is taken again at the next boundary', () => {
    const run = training({ minWorkers: 1, checkpointEvery: 2 }, [A, B], 2)
    run.copied(A, B)
    run.on({ type: 'left', worker: B, why: 'killed' })
    run.ready(A)
    run.on({ type: 'checkpointed', ok: false })
    assert.deepEqual(run.step(), ['commit', 'snapshot'])
  })

  test('a disk that stays full does not make every step a checkpoint', () => {
    const run = training({ checkpointEvery: 2 }, [A], 2)
    run.copied(A)
    run.on({ type: 'checkpointed', ok: false })
    assert.deepEqual(run.step(), ['commit', 'begin'])
  })

  test('who comes in an evaluation shares the rest of it, if there is a slot', () => {
    const run = training({ minWorkers: 1, maxWorkers: 2, evaluateEvery: 2 }, [A], 2)
    assert.equal(run.state.phase, 'evaluating')
    run.on({ type: 'hello', worker: B })
    assert.deepEqual(run.on({ type: 'prepared', worker: B }), ['assign'])
    run.ready(A)
    assert.deepEqual(run.ready(B), ['evaluate'])
    run.on({ type: 'hello', worker: C })
    assert.deepEqual(run.on({ type: 'prepared', worker: C }), [])
    assert.deepEqual([run.state.phase, run.state.team], ['evaluating', [A, B]])
    assert.deepEqual(run.on({ type: 'evaluated' }), ['snapshot'])
  })

  test('who dies in an evaluation: the others go on with it, and train on from a new epoch', () => {
    const run = training({ minWorkers: 1, evaluateEvery: 2 }, [A, B], 2)
    assert.deepEqual(run.on({ type: 'left', worker: B, why: 'killed' }), ['lost'])
    assert.deepEqual(run.on({ type: 'evaluated' }), ['assign'])
    assert.deepEqual(run.ready(A), ['snapshot'])
  })
})

describe('the end', () => {
  test('all steps done: evaluation, checkpoint, finish', () => {
    const run = training({ steps: 3 }, [A], 3)
    assert.deepEqual(run.on({ type: 'evaluated' }), ['snapshot'])
    assert.deepEqual(run.copied(A), ['save'])
    assert.equal(run.state.phase, 'closing')
    assert.deepEqual(run.on({ type: 'checkpointed', ok: true }), ['finish'])
    assert.equal(run.last('finish')?.finished, true)
    assert.deepEqual(run.join(B), [])
    assert.deepEqual(run.on({ type: 'stop', why: 'late' }), [])
  })

  test('the time is up: as if all steps were done', () => {
    const run = training({ budget: millis(10_000) }, [A], 3)
    run.pass(11_000)
    assert.deepEqual(run.step(), ['commit', 'evaluate'])
    run.on({ type: 'evaluated' })
    run.copied(A)
    run.on({ type: 'checkpointed', ok: true })
    assert.match(run.last('finish')?.why ?? '', /time/)
  })

  test('a last checkpoint that cannot be written is no success', () => {
    const run = training({ steps: 1 }, [A], 1)
    run.on({ type: 'evaluated' })
    run.copied(A)
    assert.deepEqual(run.on({ type: 'checkpointed', ok: false }), ['halt'])
  })

  test('resumed at its end it ends at once, unless it was never evaluated', () => {
    const done = new Machine({ steps: 50 }, { step: 50, epoch: 2, evaluated: true })
    assert.deepEqual(done.on({ type: 'tick' }), ['finish'])
    const unscored = new Machine({ steps: 50 }, { step: 50, epoch: 2, evaluated: false })
    assert.deepEqual(unscored.on({ type: 'tick' }), [])
    unscored.join(A)
    assert.deepEqual(unscored.ready(A), ['evaluate'])
    assert.deepEqual(unscored.on({ type: 'evaluated' }), ['snapshot'])
  })
})

describe('a stop', () => {
  const ends = (run: Machine, workers = run.state.team): void => {
    assert.equal(run.state.phase, 'snapshotting')
    run.copied(...workers)
    run.on({ type: 'checkpointed', ok: true })
    assert.equal(run.state.phase, 'finished')
    assert.equal(run.last('finish')?.finished, false)
  }
  const stop = (run: Machine): string[] => run.on({ type: 'stop', why: 'asked' })

  test('before anything was trained ends at once', () => {
    assert.deepEqual(stop(new Machine()), ['finish'])
  })

  test('in a step waits for it, and saves', () => {
    const run = training({}, [A, B], 3)
    assert.deepEqual(stop(run), [])
    assert.deepEqual(run.step(), ['commit', 'snapshot'])
    assert.equal(run.state.step, 4)
    ends(run)
  })

  test('while a joiner synchronises saves what was trained', () => {
    const run = training({}, [A], 3)
    run.join(B)
    run.step()
    assert.equal(run.state.phase, 'syncing')
    assert.deepEqual(stop(run), [])
    run.ready(A, B)
    ends(run)
  })

  test('with too few workers to train saves with those who are left', () => {
    const run = training({ minWorkers: 2 }, [A, B], 3)
    run.on({ type: 'left', worker: B, why: 'killed' })
    assert.equal(run.state.phase, 'gathering')
    assert.deepEqual(stop(run), ['assign'])
    run.ready(A)
    ends(run)
  })

  test('in a step whose member then dies saves without a replay', () => {
    const run = training({}, [A, B], 3)
    stop(run)
    assert.deepEqual(run.on({ type: 'left', worker: B, why: 'killed' }), ['lost', 'discard', 'assign'])
    run.ready(A)
    ends(run)
  })

  test('in a checkpoint waits for it and takes no other', () => {
    const run = training({ checkpointEvery: 2 }, [A], 2)
    stop(run)
    ends(run)
    assert.equal(run.effects.filter(({ type }) => type === 'snapshot').length, 1)
  })

  test('in an evaluation gives it up, and saves', () => {
    const run = training({ evaluateEvery: 2 }, [A], 2)
    assert.deepEqual(stop(run), ['abandonEvaluation', 'snapshot'])
    ends(run)
  })
})
