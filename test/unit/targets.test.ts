// Service discovery: what Prometheus is told to scrape while workers come and go.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { CommittedStep } from '../../coordinator/observer.js'
import { addressOf, Targets, targetsFile, targetsOf } from '../../coordinator/report/targets.js'
import { initialState, type Member, type RunState } from '../../coordinator/run-state.js'
import { epochOf, millis, stepOf, workerId, type WorkerId } from '../../shared/ids.js'
import { Recorder, serveMetrics } from '../../shared/observe/metrics.js'
import type { Hello } from '../../shared/protocol/messages.js'

const COORDINATOR = { url: 'http://127.0.0.1:9100', host: 'alpha' }

const hello = (worker: string, port: number): Hello => ({
  type: 'hello',
  worker: workerId(worker),
  run: 'r',
  protocol: 1,
  label: `label of ${worker}`,
  host: 'beta',
  pid: 1,
  metrics: `http://0.0.0.0:${port}`,
})

const stateWith = (...ids: readonly string[]): RunState => ({
  ...initialState(stepOf(0), epochOf(0)),
  members: new Map<WorkerId, Member>(
    ids.map((id) => [
      workerId(id),
      {
        id: workerId(id),
        epoch: epochOf(0),
        phase: 'ready',
        holdsState: true,
        heard: millis(0),
        at: stepOf(0),
        activity: 'idle',
        since: millis(0),
        reminded: 0,
        remindedAt: millis(0),
      },
    ]),
  ),
})

test('an address is host and port; who listens everywhere is reached by the name of the machine', () => {
  assert.equal(addressOf({ url: 'http://10.1.2.3:9101', host: 'beta' }), '10.1.2.3:9101')
  assert.equal(addressOf({ url: 'http://0.0.0.0:9101', host: 'beta' }), 'beta:9101')
  assert.equal(addressOf({ url: 'http://[::]:9101', host: 'beta' }), 'beta:9101')
  assert.equal(addressOf({ url: 'http://[::1]:9101', host: 'beta' }), '[::1]:9101')
  for (const url of ['', 'metrics', 'file:///etc/passwd', 'https://x:1', 'http://'])
    assert.equal(addressOf({ url, host: 'beta' }), undefined, url)
})

test('coordinator and workers are groups with labels; one without an address is left out', () => {
  const groups = targetsOf('r', COORDINATOR, [
    { url: 'http://h:1', host: 'h', label: 'w0' },
    { url: 'nonsense', host: 'h', label: 'w1' },
  ])
  assert.deepEqual(groups, [
    { targets: ['127.0.0.1:9100'], labels: { run: 'r', role: 'coordinator' } },
    { targets: ['h:1'], labels: { run: 'r', role: 'worker', worker: 'w0' } },
  ])
})

test('the file follows who comes and goes, and is empty at the end', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-targets-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = targetsFile(join(folder, 'runs', 'r'))
  const targets = new Targets({ run: 'r', coordinator: COORDINATOR, file, onFailure: assert.ifError })
  const told = (): string[] => {
    assert.equal(readFileSync(file, 'utf8'), targets.json)
    return (JSON.parse(targets.json) as { targets: string[] }[]).flatMap((group) => group.targets)
  }
  assert.deepEqual(told(), ['127.0.0.1:9100'])
  targets.observer.introduced(hello('a', 1))
  // Introduced, but not counted yet: a membership told in between does not drop it.
  targets.observer.membership(stateWith())
  assert.deepEqual(told(), ['127.0.0.1:9100', 'beta:1'])
  targets.observer.introduced(hello('b', 2))
  targets.observer.membership(stateWith('a', 'b'))
  assert.deepEqual(told(), ['127.0.0.1:9100', 'beta:1', 'beta:2'])
  targets.observer.membership(stateWith('b'))
  assert.deepEqual(told(), ['127.0.0.1:9100', 'beta:2'])
  targets.close()
  assert.deepEqual(told(), [])
  assert.ok(!existsSync(`${file}.new`))
})

const STEP: CommittedStep = {
  step: stepOf(1),
  round: 1,
  sums: {
    ...{ lossTotal: 1, lmLoss: 1, qHaltLoss: 0, count: 1 },
    ...{ accuracy: 0, exactAccuracy: 0, qHaltAccuracy: 0, steps: 1, cells: 36, flops: 1 },
  },
  workers: 1,
  lr: 0,
  gradientNorm: 1,
  queue: 0,
  encoded: 1,
  table: { rows: 0, bytes: 0 },
}

test('a file that cannot be written is said once, /sd goes on, and the file too once it can be written', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-targets-'))
  context.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'runs'), 'a file, no folder')
  const failures: unknown[] = []
  const file = targetsFile(join(folder, 'runs', 'r'))
  const onFailure = (error: unknown): void => void failures.push(error)
  const targets = new Targets({ run: 'r', coordinator: COORDINATOR, file, onFailure })
  targets.observer.introduced(hello('a', 1))
  assert.equal(failures.length, 1)
  assert.match(targets.json, /beta:1/)
  rmSync(join(folder, 'runs'))
  targets.observer.committed(STEP)
  assert.equal(readFileSync(file, 'utf8'), targets.json)
  assert.equal(failures.length, 1)
})

test('/sd answers with the targets where they are known, and nowhere else', async (context) => {
  const health = () => ({ status: 'ok', run: 'r', step: 0, phase: 'training' }) as const
  const options = { recorder: new Recorder('worker'), health, host: '127.0.0.1', port: 0 }
  const knowing = await serveMetrics({ ...options, targets: () => '[]\n' })
  const plain = await serveMetrics(options)
  context.after(() => Promise.all([knowing.close(), plain.close()]))
  const answer = await fetch(`${knowing.url}/sd`)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.deepEqual(await answer.json(), [])
  assert.equal((await fetch(`${plain.url}/sd`)).status, 404)
})
