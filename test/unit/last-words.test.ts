// A halted coordinator says why before it goes: the mismatch is counted, and stays to be scraped where somebody scrapes.
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CoordinatorMetrics } from '../../coordinator/metrics.js'
import { compileConfig } from '../../shared/config/compile.js'
import { millis } from '../../shared/ids.js'

const config = compileConfig({ preset: 'tiny', env: {}, flags: { 'metrics.port': '0' } })
const signal = { requested: false, onStop: (): void => undefined }
const now = (): ReturnType<typeof millis> => millis(performance.now())

test('replicas that differ are counted, other halts are not', async (t) => {
  const metrics = await CoordinatorMetrics.serve(config, now)
  t.after(() => metrics.close())
  const scrape = async (): Promise<string> => (await fetch(`${metrics.url}/metrics`)).text()
  metrics.halted('not-finite')
  assert.match(await scrape(), /^trmesh_replica_mismatches_total\{.*\} 0$/m)
  metrics.halted('replicas-differ')
  assert.match(await scrape(), /^trmesh_replica_mismatches_total\{.*\} 1$/m)
})

test('nobody scrapes: it ends at once; somebody does: after three more scrapes, or when asked to stop', async (t) => {
  const metrics = await CoordinatorMetrics.serve(config, now)
  t.after(() => metrics.close())
  const before = performance.now()
  await metrics.lastWords(signal)
  assert.ok(performance.now() - before < 200)

  const scrape = async (): Promise<void> => void (await (await fetch(`${metrics.url}/metrics`)).text())
  await scrape()
  let ended = false
  const waiting = metrics.lastWords(signal).then(() => (ended = true))
  await scrape()
  await scrape()
  await sleep(600)
  assert.equal(ended, false)
  await scrape()
  await waiting

  const asked = { requested: false, onStop: (): void => undefined }
  const stopped = metrics.lastWords(asked)
  asked.requested = true
  await stopped
})
