// The files of deploy/ before the tools that will read them, where those are installed: Prometheus, kustomize (in kubectl),
// compose, systemd, shellcheck. A container engine is not needed, and nothing is started.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import test from 'node:test'
import { at, documentsOf, filesUnder, KUBERNETES, textOf, valuesOf } from '../helpers/deploy-files.js'
import { temporaryFolder } from '../helpers/cluster.js'

const has = (program: string, ...args: readonly string[]): boolean => spawnSync(program, args).status === 0
const missing = (program: string, there: boolean): string | false => (there ? false : `no ${program} is found here`)
const promtool = missing('promtool', has('promtool', '--version'))
const kubectl = missing('kubectl', has('kubectl', 'kustomize', '--help'))
const shellcheck = missing('shellcheck', has('shellcheck', '--version'))
const systemd = missing('systemd-analyze', has('systemd-analyze', '--version'))
const COMPOSE_WAYS = [['docker', 'compose'], ['docker-compose']]
const composeWay = COMPOSE_WAYS.find(([program = '', ...args]) => has(program, ...args, 'version'))
const compose = missing('docker compose', composeWay !== undefined)

/** Standard output; fails with what the tool says. */
function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? stdout + stderr}`)
  return stdout
}

test('promtool takes both configurations, and the queries of autoscaling', { skip: promtool }, (t) => {
  run('promtool', 'check', 'config', 'deploy/prometheus/prometheus.yml')
  run('promtool', 'check', 'config', 'deploy/prometheus/compose.yml')
  const queries = valuesOf(documentsOf(join(KUBERNETES, 'autoscaling', 'workers.yaml')), 'query').map(String)
  const rules = queries.map((expr, i) => ({ record: `trmesh:query${i}`, expr }))
  const file = join(temporaryFolder(t), 'rules.yml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
  assert.match(run('promtool', 'check', 'rules', file), /2 rules found/)
})

test('kustomize builds each folder, with the configuration and the images put in', { skip: kubectl }, (t) => {
  const built = ['run', 'autoscaling', 'monitoring'].map((name) => {
    const file = join(temporaryFolder(t), `${name}.yaml`)
    writeFileSync(file, run('kubectl', 'kustomize', join(KUBERNETES, name)))
    return documentsOf(file)
  })
  const [objects = [], autoscaling = [], monitoring = []] = built
  const kinds = (documents: typeof objects): string[] =>
    documents.map((document) => textOf(at(document, 'kind'))).sort()
  assert.deepEqual(
    [...new Set(kinds(objects))],
    ['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'StatefulSet'],
  )
  assert.deepEqual(kinds(autoscaling), ['ScaledObject'])
  assert.deepEqual(kinds(monitoring), ['ConfigMap', 'PrometheusRule', 'ServiceMonitor', 'ServiceMonitor'])
  // What is referred to by name is there under that name.
  const maps = new Set(
    objects.filter((each) => at(each, 'kind') === 'ConfigMap').map((each) => at(each, 'metadata', 'name')),
  )
  const refs = [...valuesOf(objects, 'configMapRef'), ...valuesOf(objects, 'configMap')].map((ref) => at(ref, 'name'))
  assert.ok(refs.length >= 5)
  for (const ref of refs) assert.ok(maps.has(ref ?? ''), textOf(ref))
  const target = at(autoscaling[0], 'spec', 'scaleTargetRef', 'name')
  assert.ok(objects.some((each) => at(each, 'kind') === 'Deployment' && at(each, 'metadata', 'name') === target))
  const images = valuesOf(objects, 'image').map(String)
  for (const image of images) assert.match(image, /^(trmesh:\d+\.\d+\.\d+(-cpu|-cuda)?|nats:\d+\.\d+\.\d+-alpine)$/)
  // A selector that fits no pod selects nothing, and says nothing.
  const pods = objects.flatMap((each) => {
    const labels = at(each, 'spec', 'template', 'metadata', 'labels')
    return labels === undefined ? [] : [labels]
  })
  const selectors = objects.flatMap((each) => {
    const kind = at(each, 'kind')
    if (kind === 'Service') return [at(each, 'spec', 'selector')]
    if (kind === 'NetworkPolicy') return [at(each, 'spec', 'podSelector', 'matchLabels')]
    return kind === 'PodDisruptionBudget' ? [at(each, 'spec', 'selector', 'matchLabels')] : []
  })
  assert.equal(selectors.length, 7)
  for (const selector of selectors)
    assert.ok(
      pods.some((labels) => Object.entries(selector as object).every(([key, value]) => at(labels, key) === value)),
      JSON.stringify(selector),
    )
})

test('compose takes its file, with each profile', { skip: compose }, () => {
  const [program = '', ...args] = composeWay ?? []
  for (const profile of ['cpu', 'gpu']) {
    const services = run(program, ...args, '-f', 'deploy/compose.yaml', '--profile', profile, 'config', '--services')
    assert.deepEqual(
      services
        .trim()
        .split('\n')
        .filter((name) => !/^worker-/.test(name) || name === `worker-${profile}`)
        .sort(),
      ['coordinator', 'grafana', 'nats', 'prometheus', `worker-${profile}`],
    )
  }
})

test('systemd takes the units', { skip: systemd }, (t) => {
  const folder = temporaryFolder(t)
  const units = filesUnder('deploy/systemd').map((path) => {
    const unit = join(folder, basename(path))
    // It looks whether programs are there: those of this machine.
    const text = readFileSync(path, 'utf8')
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('/opt/trmesh', resolve('.'))
    writeFileSync(unit, text)
    return unit
  })
  assert.ok(units.length >= 4)
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr)
  // What it does not know it passes over, with a line.
  assert.doesNotMatch(stderr, new RegExp(`${folder}.*(Unknown|Failed|Invalid)`))
})

test('scripts are shell, and shellcheck finds nothing', () => {
  const scripts = filesUnder('deploy').filter((path) => /\.(sh|sbatch)$/.test(path))
  assert.ok(scripts.length >= 2)
  for (const script of scripts) {
    run('bash', '-n', script)
    if (shellcheck === false) run('shellcheck', script)
  }
})
