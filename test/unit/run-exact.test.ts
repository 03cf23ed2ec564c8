// The run's state machine in mode exact: what a death costs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { A, B, C, training } from '../helpers/run-machine.js'

test('exact: carries that are lost mean going back to the last checkpoint, in every phase; before the first step, or of a newcomer, nothing is lost', () => {
  const exact = { exact: true, minWorkers: 1 }
  const left = { type: 'left', worker: B, why: 'killed' } as const
  const run = training(exact, [A, B], 3)
  assert.deepEqual(run.on(left), ['lost', 'rewind'])
  assert.match(run.last('rewind')?.why ?? '', /exact: the carries of step 3 are lost; going back/)
  assert.equal(run.state.phase, 'finished')
  const copying = training({ ...exact, checkpointEvery: 2 }, [A, B], 2)
  assert.deepEqual(copying.on(left), ['lost', 'rewind'])
  const evaluating = training({ ...exact, evaluateEvery: 2 }, [A, B], 2)
  assert.deepEqual(evaluating.on(left), ['lost', 'rewind'])
  assert.deepEqual(training(exact, [A, B]).on(left), ['lost', 'discard', 'assign'])
  const joined = training(exact, [A], 3)
  joined.join(B)
  assert.deepEqual(joined.on(left), ['lost'])
  joined.join(C)
  joined.step()
  assert.deepEqual(
    joined.on({ ...left, worker: C }),
    ['lost', 'assign'],
    'the old owner still has what it was to hand over',
  )
})
