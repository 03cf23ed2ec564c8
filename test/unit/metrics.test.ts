// The table of metrics, what is recorded of it, and the server that shows it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { SystemRefused } from '../../shared/errors.js'
import { METRICS } from '../../shared/metrics.js'
import type { MetricSpec } from '../../shared/metric-spec.js'
import { Recorder, recordWire, serveMetrics } from '../../shared/observe/metrics.js'
import type { Health, MetricsServer } from '../../shared/observe/metrics.js'

const HEALTHY: Health = { status: 'ok', run: 'r', step: 7, phase: 'training' }

async function served(
  context: TestContext,
  recorder: Recorder,
  health: () => Health = () => HEALTHY,
): Promise<MetricsServer> {
  const server = await serveMetrics({ recorder, health, host: '127.0.0.1', port: 0 })
  context.after(() => server.close())
  return server
}

/** The value of a line of the exposition, by its exact name and labels. */
async function valueOf(recorder: Recorder, series: string): Promise<number | undefined> {
  const line = (await recorder.text()).split('\n').find((text) => text.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

const table = Object.entries(METRICS) as [string, MetricSpec][]

test('every name of the table has its prefix, its unit and a bounded set of series', () => {
  for (const [name, { kind, unit, help, labels, by, buckets }] of table) {
    assert.match(name, /^trmesh_[a-z_]+$/)
    assert.equal(name.endsWith('_total'), kind === 'counter', name)
    if (unit === 'seconds' || unit === 'bytes' || unit === 'ratio' || unit === 'flops')
      assert.ok(name.replace(/_total$/, '').endsWith(`_${unit}`), name)
    assert.match(help, /^[A-Z0-9].*[^.]$/, name)
    assert.ok(by.length > 0, name)
    assert.equal(buckets !== undefined, kind === 'histogram', name)
    const series = Object.values(labels).reduce((n, values) => n * (values === 'text' ? 1 : values.length), 1)
    assert.ok(series <= 64, name)
  }
})

test('counters and histograms begin at 0, gauges are absent until they are set', async () => {
  const recorder = new Recorder('coordinator')
  assert.equal(await valueOf(recorder, 'trmesh_steps_discarded_total{why="member-died"}'), 0)
  assert.equal(await valueOf(recorder, 'trmesh_checkpoint_seconds_count'), 0)
  assert.equal(await valueOf(recorder, 'trmesh_gradient_norm'), undefined)
  recorder.set('trmesh_gradient_norm', {}, 0.5)
  assert.equal(await valueOf(recorder, 'trmesh_gradient_norm'), 0.5)
})

test('a role offers its own part of the table, with constant labels on everything', async () => {
  const recorder = new Recorder('worker')
  recorder.constant({ run: 'r1', worker: 'w1' })
  recorder.observe('trmesh_step_seconds', { phase: 'forward' }, 0.05)
  const text = await recorder.text()
  const bucket = text.split('\n').find((line) => line.includes('le="0.1"') && line.includes('phase="forward"'))
  assert.match(bucket ?? '', /^trmesh_step_seconds_bucket\{.*run="r1".*\} 1$/)
  assert.match(text, /process_resident_memory_bytes\{run="r1",worker="w1"\} \d+/)
  for (const [name, { by }] of table) assert.equal(text.includes(`# TYPE ${name} `), by.includes('worker'), name)
  assert.throws(() => recorder.set('trmesh_puzzle_rows', {}, 1), /trmesh_puzzle_rows is not told by this process/)
})

test('a total kept elsewhere is recorded as it grows, also after it began anew', async () => {
  const recorder = new Recorder('worker')
  const bytes = { parts: 0, means: 0, state: 0, messages: 0 }
  const record = (parts: number): void => recordWire(recorder, { in: { ...bytes, parts }, out: bytes })
  const seen = (): Promise<number | undefined> =>
    valueOf(recorder, 'trmesh_wire_bytes_total{direction="in",kind="parts"}')
  record(100)
  record(100)
  record(250)
  assert.equal(await seen(), 250)
  record(30)
  assert.equal(await seen(), 280)
})

test('a gauge of somebody who is gone is forgotten', async () => {
  const recorder = new Recorder('coordinator')
  recorder.set('trmesh_heartbeat_age_seconds', { worker: 'a' }, 3)
  recorder.set('trmesh_heartbeat_age_seconds', { worker: 'b' }, 4)
  recorder.forget('trmesh_heartbeat_age_seconds', { worker: 'a' })
  assert.equal(await valueOf(recorder, 'trmesh_heartbeat_age_seconds{worker="a"}'), undefined)
  assert.equal(await valueOf(recorder, 'trmesh_heartbeat_age_seconds{worker="b"}'), 4)
})

test('label names and values are checked by the compiler', () => {
  const recorder = new Recorder('coordinator')
  // @ts-expect-error  not a reason of the closed set
  recorder.count('trmesh_steps_discarded_total', { why: 'bad luck' })
  // @ts-expect-error  a gauge is not counted
  recorder.count('trmesh_step', {})
  // @ts-expect-error  the label is missing
  recorder.count('trmesh_steps_discarded_total', {})
})

test('/metrics and /healthz answer, anything else does not', async (context) => {
  let health = HEALTHY
  const server = await served(context, new Recorder('worker'), () => health)
  const metrics = await fetch(`${server.url}/metrics`)
  assert.equal(metrics.status, 200)
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(await metrics.text(), /# TYPE trmesh_allreduce_seconds histogram/)
  const healthy = await fetch(`${server.url}/healthz`)
  assert.equal(healthy.status, 200)
  assert.deepEqual(await healthy.json(), HEALTHY)
  health = { ...HEALTHY, status: 'failing' }
  assert.equal((await fetch(`${server.url}/healthz?now`)).status, 503)
  assert.equal((await fetch(`${server.url}/else`)).status, 404)
  assert.equal((await fetch(`${server.url}/metrics`, { method: 'POST' })).status, 405)
})

test('a port in use is one clear refusal; a closed server gives its port back', async (context) => {
  const first = await served(context, new Recorder('worker'))
  const again = (host: string): Promise<MetricsServer> =>
    serveMetrics({ recorder: new Recorder('worker'), health: () => HEALTHY, host, port: first.port })
  await assert.rejects(again('127.0.0.1'), (error) => {
    assert.ok(error instanceof SystemRefused)
    assert.equal(error.message, `metrics: port ${first.port} on 127.0.0.1 is in use`)
    return error.remedy.includes('--metrics-port')
  })
  await assert.rejects(
    again('192.0.2.1'),
    (error) => error instanceof SystemRefused && /192\.0\.2\.1/.test(error.message),
  )
  await first.close()
  await (await again('127.0.0.1')).close()
})

const promtool = spawnSync('promtool', ['--version']).error === undefined
for (const role of ['coordinator', 'worker'] as const) {
  test(
    `the ${role}'s exposition passes promtool`,
    { skip: promtool ? false : 'promtool is not installed' },
    async () => {
      const recorder = new Recorder(role)
      recorder.constant({ run: 'r' })
      recorder.set('trmesh_run_info', { run: 'r', preset: 'tiny', backend: 'a "b" \\ c', data: 'line\nbreak' }, 1)
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await recorder.text(),
        encoding: 'utf8',
      })
      assert.equal(`${stdout}${stderr}`, '')
      assert.equal(status, 0)
    },
  )
}
