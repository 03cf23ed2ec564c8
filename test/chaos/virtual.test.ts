// A selection of the schedules of `npm run chaos -- --virtual`, always the same: the real services in virtual time, harmed at
// all phases, end as without harm; and the same seed is the same run.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slowOf } from './table.js'
import { virtualCampaign } from './virtual/campaign.js'
import { scheduleOf, Schedules } from './virtual/schedule.js'

test('faults in virtual time leave no trace', { timeout: 300_000 }, async (t) => {
  const said: string[] = []
  const result = await virtualCampaign({ seed: 20, schedules: 5, minutes: 5, say: (line) => void said.push(line) })
  const { suffered, wrong, sameBits, compared, schedules, virtualMs } = result
  assert.deepEqual(wrong, [], said.join('\n'))
  assert.equal(schedules, 5)
  assert.ok(compared > 0 && sameBits === compared, `${sameBits} of ${compared}`)
  t.diagnostic(`${suffered.length} faults in ${(virtualMs / 1000).toFixed(0)} virtual seconds; ${slowOf(suffered)}`)
})

test('a seed is a run, message for message, and a harm that is done shows', { timeout: 300_000 }, async (t) => {
  const runner = new Schedules()
  t.after(() => runner.close())
  const schedule = scheduleOf(3)
  const [once, again] = [await runner.run(schedule), await runner.run(schedule)]
  assert.deepEqual(once.wrong, [])
  assert.equal(once.trace, again.trace)
  assert.deepEqual(once.suffered, again.suffered)
  // What cannot happen, because no such message ever comes, is told.
  const never = { ...schedule, faults: schedule.faults.slice(0, 1).map((fault) => ({ ...fault, at: 'nothing' })) }
  const { wrong } = await runner.run(never)
  assert.match(wrong[0] ?? '', /^unused: /)
})
