// What dies is started again, unless it dies again and again within minutes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Restarts } from '../../deploy/local/restarts.js'

const MINUTE = 60_000

test('five times within ten minutes and no more; what was long ago does not count', () => {
  const restarts = new Restarts()
  for (let i = 0; i < 5; i++) assert.equal(restarts.mayStart(i * MINUTE), true)
  assert.equal(restarts.mayStart(5 * MINUTE), false)
  const rare = new Restarts()
  for (let i = 0; i < 100; i++) assert.equal(rare.mayStart(i * 3 * MINUTE), true, `the ${i}th`)
})
