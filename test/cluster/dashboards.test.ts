// The dashboards against the real thing: a real Prometheus scrapes a real run, and every expression of every panel finds data.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  asArguments,
  lastStep,
  natsFor,
  SMALL,
  temporaryFolder,
  trmesh,
  until,
  withoutNats,
  workerProcess,
} from '../helpers/cluster.js'
import { COMPARISON } from '../helpers/comparison.js'
import { fakeNvidiaSmi } from '../helpers/nvidia-smi.js'
import { substituted } from '../helpers/promql.js'
import { prometheusFor, withoutPrometheus, type Prometheus } from '../helpers/prometheus.js'

const RUN = 'watched'
const FOLDER = 'grafana/dashboards'

interface Panels {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[]
}

/** Expressions that find nothing in a healthy run, by what is in them. All find data once a worker was killed. */
const AFTER_A_DEATH: Readonly<Record<string, string>> = {
  trmesh_recovery_seconds_bucket: 'a quantile of nothing: no step was discarded yet',
}

interface Asked {
  readonly where: string
  readonly expr: string
}

const asked: readonly Asked[] = readdirSync(FOLDER).flatMap((name) => {
  const { panels } = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Panels
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: `${name}: ${title}`, expr: substituted(expr, RUN, '10s') })),
  )
})

/** Asks until every expression has given a number once; fails with those that never did. */
async function allFindData(prometheus: Prometheus, questions: readonly Asked[], ms: number): Promise<void> {
  const deadline = performance.now() + ms
  let missing = [...questions]
  while (missing.length > 0) {
    const answers = await Promise.all(missing.map(({ expr }) => prometheus.query(expr)))
    missing = missing.filter((_question, i) => !answers[i]?.some(({ value }) => Number.isFinite(value)))
    if (missing.length > 0 && performance.now() > deadline)
      assert.fail(`no data after ${ms / 1000} s:\n${missing.map(({ where, expr }) => `${where}: ${expr}`).join('\n')}`)
    await sleep(250)
  }
}

/** Told by programs that are not here. */
const ELSEWHERE = ['DCGM_FI_PROF_PIPE_TENSOR_ACTIVE']

const targetsIn = (file: string): string[] =>
  (JSON.parse(readFileSync(file, 'utf8')) as { labels: { role: string; worker?: string } }[]).map(
    ({ labels }) => labels.worker ?? labels.role,
  )

const firing = async (prometheus: Prometheus): Promise<string[]> =>
  (await prometheus.query('ALERTS{alertstate="firing"}')).map(({ metric }) => metric['alertname'] ?? '')

test(
  'every expression of every panel finds data in a real run; the targets follow the workers; a death shows; top shows the run',
  { skip: withoutNats || withoutPrometheus, timeout: 120_000 },
  async (t) => {
    const runs = temporaryFolder(t)
    const { url } = await natsFor(t)
    writeFileSync(join(runs, 'baseline.json'), JSON.stringify(COMPARISON))
    const prometheus = await prometheusFor(t, runs)
    const flags = {
      ...SMALL,
      'run.id': RUN,
      'run.dir': runs,
      'bus.url': url,
      'train.steps': 1_000_000,
      'checkpoint.everySteps': 40,
      'evaluate.everySteps': 60,
      'cluster.minWorkers': 1,
    }
    const coordinator = trmesh(t, ['coordinator', '--preset', 'tiny', ...asArguments(flags)])
    const file = join(runs, `${RUN}.targets.json`)
    await until(
      () => coordinator.said(),
      () => /metrics at (\S+)/.test(coordinator.said()),
    )
    const PATH = fakeNvidiaSmi(temporaryFolder(t))
    const workers = ['w0', 'w1'].map((label) => workerProcess(t, url, RUN, label, { PATH }))
    await until(
      () => `steps: ${coordinator.said()}`,
      () => lastStep(join(runs, RUN)) > 20,
    )
    assert.deepEqual(targetsIn(file).sort(), ['coordinator', 'w0', 'w1'])
    const metricsUrl = /metrics at (\S+)\/metrics/.exec(coordinator.said())?.[1] ?? ''
    assert.deepEqual(await (await fetch(`${metricsUrl}/sd`)).json(), JSON.parse(readFileSync(file, 'utf8')))

    const exceptional = Object.keys(AFTER_A_DEATH)
    const isExceptional = ({ expr }: Asked): boolean => exceptional.some((part) => expr.includes(part))
    const [later, now] = [
      asked.filter(isExceptional),
      asked.filter((question) => !isExceptional(question) && !ELSEWHERE.includes(question.expr)),
    ]
    assert.ok(later.length >= exceptional.length && now.length > 90, `${now.length} expressions`)
    const began = performance.now()
    await allFindData(prometheus, now, 45_000)
    t.diagnostic(`${now.length} expressions found data within ${Math.round(performance.now() - began)} ms`)
    // Not one of the exceptions is idle: each really finds nothing in a healthy run.
    for (const { where, expr } of later)
      assert.ok(!(await prometheus.query(expr)).some(({ value }) => Number.isFinite(value)), `${where} finds data`)
    assert.deepEqual(await firing(prometheus), [])
    const rules = (await prometheus.api('rules')) as { groups: { rules: { name: string; lastError?: string }[] }[] }
    const broken = rules.groups.flatMap((group) => group.rules).filter(({ lastError = '' }) => lastError !== '')
    assert.deepEqual(broken, [])

    for (const [what, expr] of [
      ['scrape, ms', `1000 * avg_over_time(scrape_duration_seconds{run="${RUN}"}[10s])`],
      ['samples per scrape', `scrape_samples_scraped{run="${RUN}"}`],
    ] as const)
      for (const { metric, value } of await prometheus.query(expr))
        t.diagnostic(`${what}, ${metric['worker'] ?? 'coordinator'}: ${value.toFixed(1)}`)
    for (const { targets } of (await (await fetch(`${metricsUrl}/sd`)).json()) as { targets: string[] }[]) {
      const body = await (await fetch(`http://${targets[0]}/metrics`)).text()
      t.diagnostic(`bytes per scrape, ${targets[0]}: ${body.length}`)
    }

    for (const where of [['--run.dir', runs], [metricsUrl]]) {
      const top = trmesh(t, ['top', ...where, '--once'])
      assert.equal(await top.ended, 0, top.said())
      assert.match(top.said(), /^run watched {3}step \d+ of 1000000 .*workers 2$/m)
      assert.match(top.said(), /^w0 .* ms .* MB /m)
    }

    workers[0]?.kill('SIGKILL')
    await until('the dead worker to leave the targets', () => !targetsIn(file).includes('w0'))
    await allFindData(prometheus, later, 20_000)
    const lost = await prometheus.query(`trmesh_membership_changes_total{run="${RUN}",why="died"}`)
    assert.equal(lost[0]?.value, 1)

    coordinator.kill('SIGINT')
    assert.equal(await coordinator.ended, 0)
    assert.deepEqual(targetsIn(file), [])
  },
)
