// Dashboards and alerts against the table of metrics: what they ask for exists, with those labels, told by those processes;
// what is committed is what the code says.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { ALERTS } from '../../grafana/alerts.js'
import { DASHBOARDS, generatedFiles, staleFiles } from '../../grafana/generate.js'
import { DATASOURCE } from '../../grafana/panel.js'
import { yaml } from '../../grafana/yaml.js'
import type { MetricSpec } from '../../shared/metric-spec.js'
import { METRICS } from '../../shared/metrics.js'
import { Recorder } from '../../shared/observe/metrics.js'
import { groupingsOf, selectionsOf } from '../helpers/promql.js'

interface Target {
  readonly expr: string
  readonly datasource?: { readonly uid?: string }
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly targets?: readonly Target[]
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string }; readonly overrides: readonly unknown[] }
  readonly datasource?: { readonly uid?: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
}

interface Dashboard {
  readonly id: null
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string }[] }
  readonly annotations: { readonly list: readonly Target[] }
  readonly links: readonly { readonly tags: readonly string[]; readonly includeVars: boolean }[]
  readonly tags: readonly string[]
}

const folder = 'grafana/dashboards'
const dashboards = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dashboard)
const expressions = (dashboard: Dashboard): string[] => [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.annotations.list.map(({ expr }) => expr),
]

const table: Readonly<Record<string, MetricSpec>> = METRICS
/** Labels that Prometheus, the list of targets or every process of ours adds. */
const EVERYWHERE = ['run', 'worker', 'role', 'instance', 'job', 'le']

/** The metric of the table behind a name in an expression: histograms have three. */
function specOf(name: string): MetricSpec | undefined {
  const base = name.replace(/_(bucket|sum|count)$/, '')
  return table[name] ?? (table[base]?.kind === 'histogram' ? table[base] : undefined)
}

/** Complaints about an expression; `known`: metrics that are not of the table. */
function complaints(expr: string, known: ReadonlySet<string>): string[] {
  const selections = selectionsOf(expr)
  const found = selections.flatMap(({ metric, matchers }) => {
    const spec = specOf(metric)
    if (spec === undefined) return known.has(metric) || metric === 'up' ? [] : [`${metric} does not exist`]
    const ofCoordinator = matchers.some(({ label, op, value }) => label === 'worker' && op === '=' && value === '')
    const wrong = matchers.flatMap(({ label, op, value }) => {
      const values = spec.labels[label]
      if (values === undefined) return EVERYWHERE.includes(label) ? [] : [`${metric} has no label ${label}`]
      if (values === 'text' || value.startsWith('$')) return []
      const asked = op === '=~' || op === '!~' ? value.split('|') : [value]
      return asked.filter((one) => !values.includes(one)).map((one) => `${metric}: ${label} is never ${one}`)
    })
    const absent = ofCoordinator && !spec.by.includes('coordinator') ? [`${metric} is not told by the coordinator`] : []
    return [...wrong, ...absent]
  })
  const labels = selections.flatMap(({ metric }) => Object.keys(specOf(metric)?.labels ?? {}))
  const groups = groupingsOf(expr).filter((label) => !labels.includes(label) && !EVERYWHERE.includes(label))
  const none = selections.length === 0 ? ['asks for no metric'] : []
  return [...found, ...groups.map((label) => `groups by ${label}, which none of its metrics has`), ...none].map(
    (complaint) => `${complaint}: ${expr}`,
  )
}

/** Of dcgm-exporter and of prometheus-nats-exporter, where they run. */
const EXTERNAL = ['DCGM_FI_PROF_PIPE_TENSOR_ACTIVE', 'gnatsd_varz_slow_consumers']

async function defaultMetrics(): Promise<Set<string>> {
  const text = await new Recorder('worker').text()
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', kind]) =>
    kind === 'summary' || kind === 'histogram' ? [`${name}_sum`, `${name}_count`] : [name],
  )
  return new Set([...names.filter((name) => !name.startsWith('trmesh_')), ...EXTERNAL])
}

test('the check sees what is wrong', async () => {
  const known = await defaultMetrics()
  const wrong = (expr: string): number => complaints(expr, known).length
  assert.equal(wrong('rate(trmesh_samples_total{run="$run",worker=""}[$__rate_interval])'), 0)
  assert.equal(wrong('sum by (worker, le) (trmesh_step_seconds_bucket{phase=~"forward|backward"})'), 0)
  assert.equal(wrong('process_resident_memory_bytes'), 0)
  assert.equal(wrong('trmesh_nonsense'), 1)
  assert.equal(wrong('process_nonsense'), 1)
  assert.equal(wrong('trmesh_step_bucket'), 1)
  assert.equal(wrong('trmesh_step{colour="red"}'), 1)
  assert.equal(wrong('trmesh_step_seconds_sum{phase=~"forward|sideways"}'), 1)
  assert.equal(wrong('sum by (colour) (trmesh_step)'), 1)
  assert.equal(wrong('trmesh_step_seconds_sum{worker=""}'), 1)
  assert.equal(wrong('vector(1)'), 1)
})

test('every metric and label of every panel, annotation and alert exists', async () => {
  const known = await defaultMetrics()
  const all = [...dashboards.flatMap(expressions), ...ALERTS.map(({ expr }) => expr)]
  assert.ok(all.length > 100, `${all.length} expressions`)
  assert.deepEqual(
    all.flatMap((expr) => complaints(expr, known)),
    [],
  )
})

/** Metrics of the table that no panel shows, with the reason. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  trmesh_step_flops: 'a constant; trmesh_flops_total has its rate',
  trmesh_puzzle_rows: 'the bytes of the table are shown',
}

test('every metric of the table is on a dashboard, or has a reason not to be', () => {
  const shown = new Set(
    dashboards
      .flatMap(expressions)
      .flatMap(selectionsOf)
      .map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, '')),
  )
  const missing = Object.keys(METRICS).filter((name) => !shown.has(name))
  assert.deepEqual(missing.sort(), Object.keys(NOT_SHOWN).sort())
})

test('committed dashboards and alert rules are what the code says', () => {
  assert.deepEqual(staleFiles('.'), [], 'run `npm run dashboards`')
  const known = [...generatedFiles().keys()].filter((path) => path.startsWith(folder)).length
  assert.equal(readdirSync(folder).length, known)
  assert.equal(staleFiles(join('test', 'unit')).length, generatedFiles().size)
})

test('uids are fixed and unique; every dashboard has the variables and leads to the others', () => {
  const uids = dashboards.map(({ uid }) => uid)
  assert.deepEqual([...uids].sort(), [...new Set(uids)].sort())
  assert.deepEqual([...uids].sort(), DASHBOARDS.map(({ name }) => `trmesh-${name}`).sort())
  for (const { uid, id, templating, links, tags } of dashboards) {
    assert.equal(id, null, uid)
    assert.deepEqual(
      templating.list.map(({ name }) => name),
      ['run', 'worker'],
      uid,
    )
    assert.ok(tags.includes('trmesh'), uid)
    assert.ok(
      links.some((link) => link.includeVars && link.tags.includes('trmesh')),
      uid,
    )
  }
  const provisioned = readFileSync('grafana/provisioning/datasources/prometheus.yaml', 'utf8')
  assert.match(provisioned, new RegExp(`uid: ${DATASOURCE.uid}\n`))
  for (const { dashboard } of ALERTS) assert.ok(uids.includes(`trmesh-${dashboard}`), dashboard)
})

test('panels are of today, name their data source, unit and meaning, and do not overlap', () => {
  const types = new Set(['timeseries', 'stat', 'state-timeline', 'table', 'text'])
  for (const { uid, panels } of dashboards) {
    const taken = new Set<string>()
    assert.deepEqual(new Set(panels.map(({ id }) => id)).size, panels.length, uid)
    for (const { type, title, description = '', targets = [], fieldConfig, datasource, gridPos } of panels) {
      const where = `${uid}: ${title}`
      assert.ok(types.has(type), `${where} is a ${type}`)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(x < 24 && !taken.has(`${x},${y}`), `${where} overlaps or sticks out`)
          taken.add(`${x},${y}`)
        }
      if (type === 'text') continue
      assert.equal(datasource?.uid, DATASOURCE.uid, where)
      assert.ok(description.length > 5, where)
      assert.ok(targets.length > 0, where)
      for (const target of targets) assert.equal(target.datasource?.uid, DATASOURCE.uid, where)
      assert.ok(
        fieldConfig?.defaults.unit !== undefined || (fieldConfig?.overrides.length ?? 0) > 0,
        `${where}: no unit`,
      )
    }
  }
})

test('the baselines carry their caveats in the dashboard', () => {
  const text = readFileSync(join(folder, 'baselines.json'), 'utf8')
  for (const words of ['batch 32', 'not the same unit', 'no like-for-like comparison', 'published by others'])
    assert.ok(text.includes(words), words)
})

test('plain data become YAML', () => {
  const text = yaml({ a: "it's", list: [{ x: 1, y: ['p', 'q'] }, 'two\nlines'], none: [], yes: true })
  assert.equal(
    text,
    [
      "a: 'it''s'",
      'list:',
      '  - x: 1',
      '    y:',
      "      - 'p'",
      "      - 'q'",
      '  - |-',
      '    two',
      '    lines',
      'none: []',
      'yes: true',
      '',
    ].join('\n'),
  )
})

test('alerts are named once and say what to do', () => {
  assert.equal(new Set(ALERTS.map(({ name }) => name)).size, ALERTS.length)
  const tested = readFileSync('deploy/prometheus/alerts.test.yml', 'utf8')
  for (const { name, summary, runbook } of ALERTS) {
    assert.match(name, /^([A-Z][a-z]+)+$/)
    assert.match(summary, /\$labels\./, name)
    assert.ok(runbook.length > 100, name)
    assert.ok(tested.includes(`alertname="${name}"`), `${name} has no test in alerts.test.yml`)
  }
})

const promtool = spawnSync('promtool', ['--version']).error === undefined
test(
  'promtool accepts configuration and rules, and every alert fires when it must and only then',
  { skip: promtool ? false : 'promtool is not installed' },
  () => {
    for (const args of [
      ['check', 'config', 'deploy/prometheus/prometheus.yml'],
      ['test', 'rules', 'deploy/prometheus/alerts.test.yml'],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
      assert.equal(status, 0, `${stdout}${stderr}`)
    }
  },
)
