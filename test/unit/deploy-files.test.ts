// The files of deploy/ against the program they deploy: commands and flags exist, variables are settings, ports agree,
// images are exact, what is mounted is there, what autoscaling asks for is told by somebody.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { EXIT_CODES } from '../../deploy/cli/exit-codes.js'
import { runProgram } from '../../deploy/cli/program.js'
import { DASHBOARDS } from '../../grafana/generate.js'
import { compileConfig } from '../../shared/config/compile.js'
import { SETTINGS } from '../../shared/config/schema.js'
import type { MetricSpec } from '../../shared/metric-spec.js'
import { METRICS, type MetricName } from '../../shared/metrics.js'
import {
  at,
  COMPOSE,
  containers,
  documentsOf,
  entriesAt,
  filesUnder,
  isYaml,
  KUBERNETES,
  listAt,
  scriptedCommands,
  textOf,
  valuesOf,
  type Json,
} from '../helpers/deploy-files.js'
import { selectionsOf } from '../helpers/promql.js'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const DOCKERFILE = readFileSync('deploy/docker/Dockerfile', 'utf8')
const STAGES = [...DOCKERFILE.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, from = '', name = '']) => ({ from, name }))
const OWN = /^trmesh(-cpu|-cuda)?(:|$)/
const compose = documentsOf(COMPOSE)[0]
const services = entriesAt(compose, 'services')

async function helpOf(command: string): Promise<string> {
  const lines: string[] = []
  const out = { isTTY: false, columns: 400, line: (text: string) => void lines.push(text), status: () => undefined }
  const signal = { requested: false, onStop: () => undefined }
  await runProgram([command, '--help'], { env: {}, cwd: '.', root: '.', version, signal, out })
  return lines.join('\n')
}

test('every YAML file is YAML, each key once', () => {
  const files = [...filesUnder('deploy'), ...filesUnder('grafana')].filter(isYaml)
  assert.ok(files.length > 15)
  for (const path of files) assert.ok(documentsOf(path).length > 0, path)
})

test('every command that is started exists, with its flags', async () => {
  const started = [...containers().filter(({ image }) => OWN.test(image)), ...scriptedCommands()]
  assert.ok(started.length >= 12, `${started.length}`)
  for (const { where, args } of started) {
    const [command = '', ...rest] = args
    const help = await helpOf(command)
    const flags = rest.filter((word) => word.startsWith('--'))
    for (const flag of flags)
      assert.match(help, new RegExp(`(^|[ ,])${flag}[ ,<]`, 'm'), `${where}: ${command} ${flag}`)
  }
})

test('every variable named in deploy/ is a setting, or one of the machine', () => {
  const known = new Set([
    ...SETTINGS.map(({ env }) => env),
    ...['TRMESH_NO_TENSORFLOW', 'TRMESH_TENSORFLOW_WHEEL'],
    // Of the tests that play the CUDA kernels (test/helpers/cuda.ts).
    'TRMESH_EMULATION_FLAGS',
    // Grafana's own environment: no process of ours sees it.
    'TRMESH_DASHBOARDS',
  ])
  for (const path of filesUnder('deploy').filter((path) => !path.endsWith('.ts')))
    for (const [name] of readFileSync(path, 'utf8').matchAll(/\bTRMESH_[A-Z0-9_]+\b/g))
      assert.ok(known.has(name), `${path}: ${name}`)
})

test('the variables that containers get make a valid configuration', () => {
  const compiled = (env: Record<string, string>): ReturnType<typeof compileConfig> =>
    compileConfig({ preset: 'tiny', env, flags: {} })
  const withDefaults = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')
  for (const [name, service] of services.filter(([, service]) => OWN.test(textOf(at(service, 'image'))))) {
    const env = entriesAt(service, 'environment').map(([key, value]) => [key, withDefaults(textOf(value))] as const)
    assert.equal(compiled(Object.fromEntries(env)).metrics.port, 9400, name)
  }
  const literals = listAt(documentsOf(join(KUBERNETES, 'run', 'kustomization.yaml'))[0], 'configMapGenerator').flatMap(
    (map) => listAt(map, 'literals').map((line) => textOf(line).split(/=(.*)/s).slice(0, 2) as [string, string]),
  )
  const config = compiled(Object.fromEntries(literals))
  assert.equal(config.preset, 'arc1')
  // The same run is meant wherever its name stands.
  const monitored = valuesOf(documentsOf(join(KUBERNETES, 'monitoring', 'scrape.yaml')), 'relabelings').flatMap(
    (list) =>
      (list as readonly Json[])
        .filter((item) => at(item, 'targetLabel') === 'run')
        .map((item) => at(item, 'replacement')),
  )
  assert.deepEqual([...new Set(monitored)], [config.run.id])
  const queries = valuesOf(documentsOf(join(KUBERNETES, 'autoscaling', 'workers.yaml')), 'query').map(String)
  assert.ok(queries.every((query) => query.includes(`run="${config.run.id}"`)))
})

test('ports agree with each other and with the defaults', () => {
  const nats = new URL(compileConfig({ preset: 'tiny', env: {}, flags: {} }).bus.url).port
  for (const name of ['server.conf', 'cluster.conf', 'leaf.conf'])
    assert.match(readFileSync(join('deploy/nats', name), 'utf8'), new RegExp(`^port: ${nats}$`, 'm'), name)
  const metrics = '9400'
  assert.match(DOCKERFILE, new RegExp(`^EXPOSE ${metrics}$`, 'm'))
  const published = services.flatMap(([, service]) => listAt(service, 'ports').map(String))
  assert.ok(published.includes(`\${BIND:-127.0.0.1}:${nats}:${nats}`))
  assert.ok(published.includes(`\${BIND:-127.0.0.1}:${metrics}:${metrics}`))
  const ports = filesUnder(KUBERNETES)
    .filter(isYaml)
    .flatMap((path) => documentsOf(path))
  const named = ports.flatMap((document) =>
    [...valuesOf(document, 'ports')].flatMap((list) => (Array.isArray(list) ? (list as readonly Json[]) : [])),
  )
  for (const port of named) {
    const number = textOf(at(port, 'port') ?? at(port, 'containerPort'))
    if (at(port, 'name') === 'metrics') assert.equal(number, metrics)
    if (at(port, 'name') === 'client') assert.equal(number, nats)
    assert.ok([nats, metrics, '6222', '53', '443'].includes(number), number)
  }
  const prometheus = readFileSync('deploy/prometheus/compose.yml', 'utf8')
  assert.match(prometheus, new RegExp(`http://coordinator:${metrics}/sd`))
  assert.equal(at(compose, 'services', 'coordinator', 'hostname'), 'coordinator')
})

test('images are exact: foreign ones by version, ours by the version of the package', () => {
  const exact = /:v?\d+\.\d+\.\d+(-[a-z]+)?$/
  for (const { where, image } of containers())
    if (!OWN.test(image)) assert.match(image, exact, where)
    else if (image.includes(':')) assert.equal(image.replace(/-(cpu|cuda)$/, ''), `trmesh:${version}`, where)
  for (const image of listAt(documentsOf(join(KUBERNETES, 'run', 'kustomization.yaml'))[0], 'images'))
    assert.equal(textOf(at(image, 'newTag')).replace(/-(cpu|cuda)$/, ''), version)
  const stages = STAGES.map(({ name }) => name)
  for (const { from, name } of STAGES)
    assert.ok(stages.includes(from) || exact.test(from.replace('-slim', '')), `${name} is from ${from}`)
  for (const [name, service] of services)
    if (at(service, 'build') !== undefined) assert.ok(stages.includes(textOf(at(service, 'build', 'target'))), name)
  const engine = (JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } }).engines.node
  assert.equal(engine, '>=20', 'the images run Node 20; raise them with the engine')
})

test('nothing runs as root', () => {
  const last = DOCKERFILE.slice(DOCKERFILE.indexOf('AS coordinator'))
  assert.match(last, /^USER [1-9]\d*:[1-9]\d*$/m)
  assert.doesNotMatch(last.slice(last.indexOf('USER')), /^USER (0|root)/m)
  const pods = filesUnder(KUBERNETES)
    .filter(isYaml)
    .flatMap((path) => documentsOf(path))
  for (const pod of pods
    .map((document) => at(document, 'spec', 'template', 'spec'))
    .filter((pod) => pod !== undefined)) {
    assert.equal(at(pod, 'securityContext', 'runAsNonRoot'), true)
    for (const container of [...listAt(pod, 'containers'), ...listAt(pod, 'initContainers')])
      assert.equal(at(container, 'securityContext', 'allowPrivilegeEscalation'), false)
  }
  for (const unit of filesUnder('deploy/systemd'))
    assert.match(readFileSync(unit, 'utf8'), /^(User=trmesh|DynamicUser=yes)$/m, unit)
})

test('what is mounted, included or built from is there', () => {
  for (const [name, service] of services) {
    const mounts = listAt(service, 'volumes').map((volume) => textOf(volume).split(':'))
    const volumes = new Set(entriesAt(compose, 'volumes').map(([volume]) => volume))
    for (const [from = '', to = ''] of mounts) {
      if (!from.startsWith('.')) assert.ok(volumes.has(from), `${name}: volume ${from}`)
      else assert.ok(existsSync(join('deploy', from)), `${name}: ${from}`)
      // A configuration named on the command line lies in what is mounted.
      for (const word of listAt(service, 'command').map((word) => textOf(word).replace(/^--[\w.]+=/, '')))
        if (from.startsWith('.') && word.startsWith(`${to}/`))
          assert.ok(existsSync(join('deploy', from, word.slice(to.length))), `${name}: ${word}`)
    }
  }
  for (const path of [
    'grafana/kustomization.yaml',
    ...filesUnder('deploy').filter((path) => path.endsWith('kustomization.yaml')),
  ]) {
    const [kustomization] = documentsOf(path)
    const files = listAt(kustomization, 'configMapGenerator').flatMap((map) => listAt(map, 'files'))
    for (const file of [...listAt(kustomization, 'resources'), ...files])
      assert.ok(existsSync(join(dirname(path), textOf(file))), `${path}: ${textOf(file)}`)
  }
  const copied = [...DOCKERFILE.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, files = '']) => files.split(' '))
  for (const file of copied) assert.ok(existsSync(file), `Dockerfile: ${file}`)
  const listed = listAt(documentsOf('grafana/kustomization.yaml')[0], 'configMapGenerator').flatMap((map) =>
    listAt(map, 'files'),
  )
  assert.deepEqual(listed, DASHBOARDS.map(({ name }) => `dashboards/${name}.json`).sort())
  assert.deepEqual(
    listed,
    readdirSync('grafana/dashboards')
      .map((name) => `dashboards/${name}`)
      .sort(),
  )
})

test("Grafana's variables are set, and its folders are where they are read", () => {
  const environment = Object.fromEntries(entriesAt(compose, 'services', 'grafana', 'environment'))
  const provisioning = filesUnder('grafana/provisioning').filter((path) => !path.includes('alerting'))
  const used = provisioning.flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/^[^#]*\$([A-Z_]+)\b/gm)].map(([, name]) => name ?? ''),
  )
  assert.ok(used.length >= 2)
  for (const name of used) assert.ok(name in environment, name)
  const targets = listAt(compose, 'services', 'grafana', 'volumes').map((volume) => textOf(volume).split(':')[1])
  assert.ok(targets.includes(textOf(environment['TRMESH_DASHBOARDS'])))
  assert.equal(environment['PROMETHEUS_URL'], 'http://prometheus:9090')
})

test('autoscaling asks for metrics that the coordinator tells, with labels that they have', () => {
  const queries = valuesOf(documentsOf(join(KUBERNETES, 'autoscaling', 'workers.yaml')), 'query').map(String)
  assert.equal(queries.length, 2)
  for (const query of queries) {
    const selections = selectionsOf(query)
    assert.ok(selections.length > 0, query)
    for (const { metric, matchers } of selections) {
      const spec: MetricSpec = METRICS[metric as MetricName]
      assert.ok(spec.by.includes('coordinator'), metric)
      for (const { label } of matchers)
        assert.ok(['run', 'role'].includes(label) || label in spec.labels, `${metric} ${label}`)
    }
  }
})

test('units give up on exit codes that exist and that a second try would not change', () => {
  const codes = new Set(EXIT_CODES.map(([code]) => code))
  for (const unit of filesUnder('deploy/systemd').filter((path) => path.includes('@'))) {
    const given = /^RestartPreventExitStatus=(.*)$/m.exec(readFileSync(unit, 'utf8'))?.[1]?.split(' ') ?? []
    assert.ok(given.includes('2'), unit)
    for (const code of given) assert.ok(codes.has(Number(code)), `${unit}: ${code}`)
    // NATS away, or an operating system that says no for now, may be different the next time.
    for (const code of ['5', '9']) assert.ok(!given.includes(code), `${unit}: ${code}`)
  }
})
