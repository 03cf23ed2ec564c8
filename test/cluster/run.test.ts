// A run seen from outside: metrics and health while it trains, garbage on its subjects, other samplers and other puzzles.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectBus } from '../../shared/bus/bus.js'
import { epochOf, runId, stepOf, workerId } from '../../shared/ids.js'
import { encode } from '../../shared/protocol/codec.js'
import { subjectsOf } from '../../shared/protocol/subjects.js'
import {
  afterwards,
  configOf,
  contentsOf,
  coordinate,
  lastStep,
  lossesOf,
  natsFor,
  temporaryFolder,
  train,
  until,
  withoutNats,
  work,
} from '../helpers/cluster.js'

const options = { skip: withoutNats, timeout: 90_000 }

const get = async (url: string): Promise<string> => (await fetch(url)).text()

test('metrics and health answer while it trains; garbage is counted and changes nothing', options, async (t) => {
  const { url } = await natsFor(t)
  const dir = temporaryFolder(t)
  const flags = { 'run.dir': dir, 'train.steps': 150, 'reduce.wire': 'f32', 'cluster.minWorkers': 2, 'bus.url': url }
  const crew = [work(t, url, 'r', 'a'), work(t, url, 'r', 'b')]
  const coordinator = coordinate(t, configOf({ ...flags, 'run.id': 'r' }))
  const folder = join(dir, 'r')
  const seen: string[] = []
  const spy = await connectBus({ url, credentials: '', name: 'spy', inFlightBytes: 1 << 20 })
  afterwards(t, () => spy.close())
  const subjects = subjectsOf(runId('r'))
  const workers = new Set<string>()
  spy.subscribe(subjects.anyToCoordinator, (_, subject) => workers.add(subject.split('.').at(-1) ?? ''))
  await until('step 5', () => lastStep(folder) >= 5)

  const noise = Uint8Array.from({ length: 300 }, (_, i) => (i * 31) % 256)
  const stranger = workerId('w-stranger')
  for (const id of [...workers].map(workerId)) {
    for (const subject of [subjects.toWorker(id), subjects.partsFor(id).replaceAll('*', 'x'), subjects.mean(id)])
      for (const bytes of [
        noise,
        new Uint8Array(0),
        encode('worker', { type: 'leaving', why: 'I am another channel' }),
      ])
        spy.publish(subject, bytes)
    spy.publish(subjects.toCoordinator(id), noise)
    spy.publish(
      subjects.toCoordinator(id),
      encode('worker', {
        ...{
          type: 'vote',
          epoch: epochOf(0),
          step: stepOf(1),
          finite: false,
          mean: 'x',
          params: 'y',
          norm: 0,
          phases: [],
        },
      }),
    )
  }
  spy.publish(subjects.hello(stranger), noise)
  spy.publish(subjects.beacon, noise)
  spy.publish(subjects.state('coordinator'), noise)
  spy.publish(subjects.toCoordinator(stranger), encode('worker', { type: 'leaving', why: 'I was never here' }))
  await spy.flush()

  const [, base = ''] = /metrics at (\S+)\/metrics/.exec(coordinator.out.text) ?? []
  await until('the garbage to be counted', () => {
    void get(`${base}/metrics`).then(
      (text) => seen.push(text),
      () => undefined,
    )
    return seen.some((text) => /trmesh_messages_dropped_total\{[^}]*why="garbage"[^}]*\} [1-9]/.test(text))
  })
  const metrics = await get(`${base}/metrics`)
  for (const name of [
    ...['trmesh_step', 'trmesh_steps_committed_total', 'trmesh_loss', 'trmesh_samples_total', 'trmesh_workers'],
    ...['trmesh_learning_rate', 'trmesh_wire_bytes_total', 'trmesh_run_info', 'trmesh_puzzle_rows'],
  ])
    assert.match(metrics, new RegExp(`^${name}(\\{| )`, 'm'), name)
  // Health is as of the last look, a second ago at most.
  let health = { status: '', run: '', step: 0 }
  await until('a healthy step', () => {
    void get(`${base}/healthz`).then(
      (text) => (health = JSON.parse(text) as typeof health),
      () => undefined,
    )
    return health.step >= 5
  })
  assert.deepEqual([health.status, health.run], ['ok', 'r'])

  await coordinator.done
  await Promise.all(crew.map(({ done }) => done))
  assert.doesNotMatch(coordinator.out.text, /left|died|replayed/)
  const calm = await train(t, url, 2, { ...flags, 'run.id': 'calm' })
  assert.deepEqual([...lossesOf(folder)], [...lossesOf(calm.folder)])
  assert.deepEqual(contentsOf(folder, 150), contentsOf(calm.folder, 150))
})

for (const [what, flags] of [
  ['the official sampler', { 'data.sampler': 'official' }],
  ['sudoku', { 'data.kind': 'sudoku', 'data.canvas': 9, 'evaluate.augmentations': 0 }],
  [
    'maze',
    { 'data.kind': 'maze', 'data.canvas': 30, 'train.slots': 2, 'evaluate.augmentations': 0, 'evaluate.maxPairs': 2 },
  ],
  [
    'the mlp mixer without puzzle rows',
    { 'model.mixer': 'mlp', 'model.positions': 'none', 'model.puzzleEmbDim': 0, 'model.puzzleEmbLen': 0 },
  ],
] as const)
  test(`${what} trains, evaluates and saves, with two workers as with one`, options, async (t) => {
    const { url } = await natsFor(t)
    const common = { ...flags, 'run.dir': temporaryFolder(t), 'train.steps': 4, 'reduce.wire': 'f32' }
    const one = await train(t, url, 1, { ...common, 'run.id': 'one' })
    const two = await train(t, url, 2, { ...common, 'run.id': 'two' })
    assert.match(two.said, /evaluation after step 4: /)
    if (what === 'sudoku')
      assert.match(two.said, /evaluation after step 4: exact .*valid board, givens kept .*cells right/)
    if (what === 'maze') assert.match(two.said, /exact .*valid, any shortest path .*valid, other shortest path/)
    assert.deepEqual(contentsOf(two.folder, 4).slots, contentsOf(one.folder, 4).slots)
    for (const [step, loss] of lossesOf(two.folder))
      assert.ok(Math.abs(loss - (lossesOf(one.folder).get(step) ?? NaN)) <= 1e-3 * loss, `step ${step}: ${loss}`)
  })
