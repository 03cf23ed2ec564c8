// Damaged input for every reader of bytes from outside: it is read, or refused in our own words, in time and in little memory.
// `npm run fuzz` does the same for as long as one likes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hunt } from '../fuzz/hunt.js'
import { TARGETS } from '../fuzz/targets.js'

test('damaged input is read or refused', async () => {
  const { failures, tallies } = await hunt({ seed: 7, inputs: 6000 })
  assert.deepEqual(
    failures.map(({ target, index, why }) => `${target}, --seed 7 --only ${index}: ${why}`),
    [],
  )
  for (const { name } of TARGETS) {
    const { inputs, accepted } = tallies.get(name) ?? { inputs: 0, accepted: 0 }
    assert.ok(
      accepted > 0 || inputs < 100,
      `${name} accepts none of ${inputs}: the damage is too great to get anywhere`,
    )
    assert.ok(accepted < inputs, `${name} accepts all of ${inputs}`)
  }
})

test('the hunt notices what throws, rejects, hoards and hangs, and goes on', async () => {
  const targets = new URL('../fuzz/broken-targets.js', import.meta.url).href
  const { failures } = await hunt({ seed: 2, inputs: 40, targets, hangMs: 2500 })
  const found = new Map(failures.map(({ target, why }) => [target, why]))
  assert.deepEqual([...found.keys()].sort(), ['hangs', 'hoards', 'rejects', 'throws'])
  assert.match(found.get('throws') ?? '', /TypeError: not ours/)
  assert.match(found.get('hoards') ?? '', /holds 1\d\d MiB more/)
  assert.match(found.get('hangs') ?? '', /longer than 2.5 s/)
  assert.ok(failures.filter(({ target }) => target === 'hangs').length > 1, 'one hang must not end the hunt')
})
