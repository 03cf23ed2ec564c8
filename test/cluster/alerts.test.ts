// What breaks raises the alert that is meant for it: a real Prometheus with our rules, only less patient, watches real runs
// that lose a worker, lose their coordinator, and compute numbers that are not finite.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  asArguments,
  natsFor,
  SMALL,
  temporaryFolder,
  trmesh,
  withoutNats,
  workerProcess,
  type Process,
} from '../helpers/cluster.js'
import { prometheusFor, withoutPrometheus, type Prometheus } from '../helpers/prometheus.js'

const skip = withoutNats || withoutPrometheus

/** Our rules, looked at every second, and firing at once. */
function impatientRules(folder: string): string {
  const rules = readFileSync('deploy/prometheus/alerts.yml', 'utf8')
  const quick = rules
    .replaceAll(/^(\s+for: )'.*'$/gm, "$1'0s'")
    .replace("interval: '15s'", "interval: '1s'")
    .replaceAll(':15s]', ':1s]')
  assert.notEqual(quick, rules)
  const file = join(folder, 'impatient.yml')
  writeFileSync(file, quick)
  return file
}

const firing = async (prometheus: Prometheus): Promise<Set<string>> =>
  new Set((await prometheus.query('ALERTS{alertstate="firing"}')).map(({ metric }) => metric['alertname'] ?? ''))

async function eventually(what: string, holds: () => Promise<boolean>, ms = 45_000): Promise<void> {
  for (const until = performance.now() + ms; !(await holds()); await sleep(250))
    assert.ok(performance.now() < until, `waited ${ms / 1000} s in vain for ${what}`)
}

async function watchedRun(
  t: TestContext,
  run: string,
  labels: readonly string[],
  flags: Readonly<Record<string, number>> = {},
): Promise<{ prometheus: Prometheus; coordinator: Process; workers: Process[]; url: string }> {
  const runs = temporaryFolder(t)
  const { url } = await natsFor(t)
  const prometheus = await prometheusFor(t, runs, impatientRules(runs))
  const all = { ...SMALL, ...flags, 'run.id': run, 'run.dir': runs, 'bus.url': url, 'train.steps': 1_000_000 }
  const coordinator = trmesh(t, ['coordinator', '--preset', 'tiny', ...asArguments({ ...all, 'metrics.port': 0 })])
  const workers = labels.map((label) => workerProcess(t, url, run, label))
  return { prometheus, coordinator, workers, url }
}

test(
  'a worker killed is missing, a coordinator killed is down, and before that nothing is said',
  { skip, timeout: 150_000 },
  async (t) => {
    const { prometheus, coordinator, workers } = await watchedRun(t, 'losing', ['w0', 'w1'])
    await eventually(
      'steps of two workers to be scraped',
      async () =>
        (await prometheus.query('sum(trmesh_workers{run="losing"})'))[0]?.value === 2 &&
        ((await prometheus.query('max(trmesh_step{run="losing",worker=""})'))[0]?.value ?? 0) > 5,
    )
    assert.deepEqual([...(await firing(prometheus))], [])
    workers[0]?.kill('SIGKILL')
    await eventually('WorkersMissing', async () => (await firing(prometheus)).has('WorkersMissing'))
    assert.ok(!(await firing(prometheus)).has('CoordinatorDown'))

    const folder = temporaryFolder(t)
    const program = resolve('.build/grafana/pictures-main.js')
    const drawn = spawnSync(process.execPath, [program, prometheus.url, 'losing', folder, '30'], { encoding: 'utf8' })
    assert.equal(drawn.status, 0, drawn.stderr)
    assert.match(readFileSync(join(folder, 'run.html'), 'utf8'), /<polyline[^>]* points="\d/)
    if (spawnSync('chromium', ['--version']).error === undefined) assert.ok(existsSync(join(folder, 'run.png')))
    t.diagnostic(drawn.stdout)

    coordinator.kill('SIGKILL')
    await eventually('CoordinatorDown', async () => (await firing(prometheus)).has('CoordinatorDown'))
  },
)

test('numbers that are not finite are seen before the run ends', { skip, timeout: 150_000 }, async (t) => {
  const flags = { 'train.lr': 10, 'train.weightDecay': 10, 'train.warmupSteps': 0 }
  const { prometheus, coordinator, url } = await watchedRun(t, 'diverging', [], flags)
  // What nobody has looked at yet cannot be seen to grow.
  await eventually(
    'the coordinator to be scraped',
    async () => (await prometheus.query('trmesh_steps_discarded_total{run="diverging"}')).length > 0,
  )
  workerProcess(t, url, 'diverging', 'w0')
  await eventually('GradientNotFinite', async () => (await firing(prometheus)).has('GradientNotFinite'))
  assert.equal(await coordinator.ended, 8, coordinator.said())
  assert.match(coordinator.said(), /the metrics stay up until they were scraped/)
})
