// The stopwatch against a clock of our own, and that nobody's figure gets into a column that is not its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { efficiencyFindings, timingInquiry, warmUp } from '../../coordinator/study/efficiency.js'
import { Stopwatch } from '../../coordinator/study/stopwatch.js'
import { compileConfig } from '../../shared/config/compile.js'
import { madeUpRows, sourceOf } from '../helpers/study.js'

test('the warm-up is not timed, and the rate is that of the rest', () => {
  let at = 0
  const watch = new Stopwatch(() => at)
  watch.progress({ done: 0, units: 8 })
  // Four slow ones, then one every 100 ms, alternately 80 and 120.
  const gaps = [5000, 900, 800, 700, 80, 120, 80, 120]
  gaps.forEach((gap, i) => {
    at += gap
    watch.progress({ done: i + 1, units: 8 })
  })
  const rate = watch.rate(16, 4, 1, 500)!
  assert.equal(watch.rowsPerUnit(16), 2)
  assert.equal(watch.timed(4), 4)
  assert.ok(Math.abs(rate.value - 20) < 1e-9, '2 rows every 100 ms')
  assert.ok(rate.low! >= 2000 / 120 - 1e-9 && rate.high! <= 2000 / 80 + 1e-9 && rate.low! < rate.high!)
  assert.equal(watch.rate(16, 7, 1, 100), null, 'one gap is no rate')
  assert.deepEqual([warmUp(4), warmUp(20), warmUp(100)], [4, 4, 20])
})

test('a round that begins again is timed again', () => {
  let at = 0
  const watch = new Stopwatch(() => at)
  for (const speed of [1000, 10]) {
    watch.progress({ done: 0, units: 6 })
    for (let done = 1; done <= 6; done++) {
      at += speed
      watch.progress({ done, units: 6 })
    }
  }
  assert.ok(Math.abs(watch.rate(6, 2, 1, 100)!.value - 100) < 1e-9)
})

test('rows come again as often as it takes', () => {
  const rows = madeUpRows(0)
  const set = timingInquiry(100, () => 0).ask(sourceOf(rows))
  assert.equal(set.rows, 100)
  assert.deepEqual(set.row(rows.rows + 3).inputs, rows.row(3).inputs)
})

test('no row holds both a measured and a reported figure', () => {
  const config = compileConfig({ preset: 'tiny', env: {}, flags: {} })
  const timing = { what: 'w', short: 's', rate: { value: 10, low: 9, high: 11 }, memory: 5e8 }
  const { tables, notes } = efficiencyFindings([timing], config, 'a')
  const rows = tables[0]!.rows
  assert.deepEqual(rows[0]!.measured.map((one) => one?.value), [10, 10 * config.model.seqLen, 5e8]) // prettier-ignore
  assert.ok(rows.length > 5)
  for (const { measured, reported } of rows) assert.notEqual(measured.every((one) => one === null), reported.length === 0) // prettier-ignore
  const llama = rows.find(({ what }) => what.includes('Llama-3-8B,'))!
  assert.match(llama.reported[0]!.figure, /0\.24 samples\/s, 6\.1 GB/)
  assert.match(llama.reported[0]!.mind, /128 tokens/)
  assert.ok(notes.some((note) => /^Modelled, not measured/.test(note)))
})
