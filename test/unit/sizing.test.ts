// Sizing: the model against what was measured (the log's own numbers), against counted bytes, and the page against the code.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { ALLREDUCE_POINTS, DEVICES, POINT_CORES, POINT_ELEMENTS } from '../../deploy/size/figures.js'
import { reduceAcross, reduceOnOneMachine, sizeOf, storageOf, trafficOf, type Ground } from '../../deploy/size/model.js'
import { bytesText, sizeText, sizingPage, DEFAULT_GROUND } from '../../deploy/size/page.js'
import { adviceOn } from '../../shared/config/advice.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { ReduceConfig, RunConfig } from '../../shared/config/run-config.js'
import type { PresetName } from '../../shared/config/schema.js'
import { flopsOf } from '../../shared/flops.js'
import { ownerOf, planBuckets, wireBytes } from '../../shared/gradients/buckets.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { workerId } from '../../shared/ids.js'

const presetOf = (preset: PresetName, flags: Record<string, string> = {}): RunConfig =>
  compileConfig({ preset, env: {}, flags })
const TOPOLOGIES = ['sharded', 'star'] as const
const GROUND: Ground = { flops: 150e12, workerLine: 1.25e9, brokerLine: 3e9, brokerCores: 8, latency: 0 }

test('the all-reduce on one machine is modelled within 15 % of each measured point', () => {
  for (const point of ALLREDUCE_POINTS)
    for (const topology of TOPOLOGIES) {
      const reduce = { ...presetOf('arc1').reduce, topology, wire: point.wire }
      const modelled = 1000 * reduceOnOneMachine(POINT_ELEMENTS, point.workers, POINT_CORES, reduce)
      const off = modelled / point[topology] - 1
      assert.ok(Math.abs(off) <= 0.15, `${point.wire} ${point.workers} ${topology}: ${(100 * off).toFixed(1)} %`)
    }
})

test('the measured points are those of the log', () => {
  const log = readFileSync('test/bench/LOG.md', 'utf8').replaceAll(/(\d),(\d{3})/g, '$1$2')
  for (const { wire, workers, sharded, star } of ALLREDUCE_POINTS)
    assert.match(log, new RegExp(`\\| ${wire}, ${workers} workers \\| \\d+ \\| ${sharded} \\| [\\d.]+ \\| ${star} \\|`))
  for (const text of [
    '| tiny, 16 slots, tensorflow | 21 | 41 | 4 | 233 |',
    '| 475 | 337 | | 0.98 |',
    '| 462 | 314 | | 1.01 |',
    '| coordinator | 120 | 164 |',
    '| 531 | 1398 |',
  ])
    assert.ok(log.includes(text), text)
})

test('the bytes are those of the protocol, counted bucket by bucket', () => {
  const elements = 6_829_058
  for (const topology of TOPOLOGIES)
    for (const workers of [1, 2, 3, 8]) {
      const reduce: ReduceConfig = { ...presetOf('arc1').reduce, topology }
      const members = Array.from({ length: workers }, (_, i) => workerId(`w-${i}`))
      let brokerIn = 0
      let brokerOut = 0
      for (const bucket of planBuckets(elements, reduce)) {
        const bytes = (bucket.to - bucket.from) * wireBytes(reduce.wire)
        const owner = ownerOf(bucket, members, topology)
        const senders = members.filter((member) => member !== owner).length
        brokerIn += senders * bytes + bytes
        // Each part goes to the owner, the mean to everybody else.
        brokerOut += senders * bytes + senders * bytes
      }
      const traffic = trafficOf(elements * wireBytes(reduce.wire), workers, topology)
      assert.equal(traffic.brokerIn, brokerIn, `${topology} ${workers}`)
      assert.equal(traffic.brokerOut, brokerOut, `${topology} ${workers}`)
    }
})

test('trimming: compute shrinks as the drawn tasks do, a box of everything shrinks nothing, margins cost', () => {
  const share = (preset: PresetName, trim: number, margin = 0): number => {
    const config = presetOf(preset, { 'model.trim': String(trim), 'model.trimMargin': String(margin) })
    const whole = sizeOf(presetOf(preset), 1, GROUND)
    const size = sizeOf(config, 1, GROUND)
    assert.equal(size.efficiency, 1)
    return size.computeSeconds / whole.computeSeconds
  }
  // The shares that the log gives for all 6,144 examples.
  for (const [preset, trim, logged] of [
    ['arc1', 1, 0.181],
    ['arc1', 100, 0.228],
    ['arc1', 300, 0.358],
    ['arc2', 100, 0.25],
  ] as const)
    assert.ok(Math.abs(share(preset, trim) / logged - 1) < 0.03, `${preset} ${trim}`)
  assert.equal(share('arc1', 900), 1)
  assert.ok(share('arc1', 100, 3) > share('arc1', 100) && share('arc1', 100, 30) < 1 + 1e-9)
  const options = { ...DEFAULT_GROUND, workers: [1], device: 'h100', rate: undefined, price: undefined } as const
  assert.match(
    sizeText({ ...options, config: presetOf('arc1', { 'model.trim': '100' }) }),
    /trimmed, 23\.2 % of the whole canvas/,
  )
  assert.doesNotMatch(sizeText({ ...options, config: presetOf('arc1') }), /trimmed/)
  const unknown = presetOf('arc1', { 'model.trim': '100', 'data.source': 'generated' })
  assert.equal(sizeOf(unknown, 1, GROUND).computeSeconds, sizeOf(presetOf('arc1'), 1, GROUND).computeSeconds)
})

test('time: one worker pays nothing for the wire; more workers are never less efficient in the model than fewer', () => {
  const config = presetOf('arc1')
  const one = sizeOf(config, 1, GROUND)
  assert.equal(one.reduce.seconds, 0)
  assert.equal(one.stepSeconds, (768 * flopsOf(config.model).train) / GROUND.flops)
  const sizes = [1, 2, 4, 8, 16, 64, 256].map((workers) => sizeOf(config, workers, GROUND))
  for (const [i, size] of sizes.entries()) {
    assert.ok(size.efficiency > 0 && size.efficiency <= 1 + 1e-9)
    const before = sizes[i - 1]
    if (before !== undefined) assert.ok(size.efficiency <= before.efficiency && size.deviceHours >= before.deviceHours)
  }
  // Each limit is felt: halved, what waits for it takes twice as long.
  const wide = reduceAcross(7e6, 64, config.reduce, { ...GROUND, brokerCores: 1000 })
  assert.equal(wide.bound, "the server's line")
  const narrow = reduceAcross(7e6, 64, config.reduce, { ...GROUND, brokerCores: 1000, brokerLine: 1.5e9 })
  assert.ok(Math.abs(narrow.seconds / wide.seconds - 2) < 1e-9)
})

test('the published time comes back: ARC-AGI-1 on four H100 takes three days of compute', () => {
  const hours =
    (sizeOf(presetOf('arc1'), 4, { ...GROUND, flops: DEVICES.h100.otherwise.value }).computeSeconds * 518_071) / 3600
  assert.ok(Math.abs(hours - 72) < 0.1, `${hours}`)
})

test('storage: the state is what the log measured, the table what 876,406 rows take', () => {
  const { state, puzzles, carryPerSlot, checkpoint, disk } = storageOf(presetOf('arc1'))
  assert.equal(bytesText(state), '109 MB')
  assert.equal(bytesText(puzzles ?? 0), '1.79 GB')
  assert.equal(carryPerSlot, 2 * 916 * 512 * 4)
  assert.ok(checkpoint > state + 768 * carryPerSlot + (puzzles ?? 0) && disk === 5 * checkpoint)
  assert.equal(storageOf(presetOf('tiny')).puzzles, undefined)
})

test('local steps: the gradient travels once a round, everybody keeps a round of its own, and a checkpoint all moments', () => {
  const every = presetOf('arc1')
  const local = presetOf('arc1', { 'reduce.localSteps': '16', 'train.steps': '518080' })
  const [one, sixteenth] = [sizeOf(every, 8, GROUND), sizeOf(local, 8, GROUND)]
  assert.ok(Math.abs(sixteenth.stepSeconds - (one.computeSeconds + one.reduce.seconds / 16)) < 1e-12)
  const gradient = layoutOf(every.model).elements * wireBytes(every.reduce.wire)
  const { brokerIn } = trafficOf(gradient, 8, 'sharded')
  const rowsOf = ({ brokerIn, stepSeconds }: typeof one): number => brokerIn * stepSeconds
  assert.ok(Math.abs(rowsOf(one) - rowsOf(sixteenth) - brokerIn * (15 / 16)) < 1)
  const copy = 4 * layoutOf(every.model).elements
  const [plain, rounds] = [storageOf(every, 8), storageOf(local, 8)]
  assert.deepEqual([plain.round, rounds.round, rounds.state - plain.state], [0, 3 * copy, copy])
  assert.equal(rounds.checkpoint - plain.checkpoint, copy + 7 * 2 * copy)
  assert.equal(storageOf(presetOf('arc1', { 'train.moveEvery': '4' })).state - plain.state, copy)
  const text = sizeText({
    config: local,
    workers: [1, 8],
    device: 'h100',
    rate: undefined,
    price: undefined,
    ...DEFAULT_GROUND,
  })
  for (const words of ['exchanged every 16 steps', 'round of a worker', 'the moments of 8 workers'])
    assert.ok(text.includes(words), words)
})

test('short rounds with the outer step of long ones are told of in one line, others are not', () => {
  const notes = (flags: Record<string, string>): string[] =>
    adviceOn(presetOf('tiny', { 'train.steps': '160', ...flags }))
  const [line = '', ...more] = notes({ 'reduce.localSteps': '4' })
  assert.match(line, /^note: reduce\.localSteps 4 .* one of three seeds, measured.*--reduce\.outerMomentum 0/)
  assert.deepEqual([more, line.includes('\n')], [[], false])
  for (const flags of [{}, { 'reduce.localSteps': '16' }, { 'reduce.localSteps': '8' }])
    assert.deepEqual(notes(flags), [])
  assert.deepEqual(notes({ 'reduce.localSteps': '4', 'reduce.outerLr': '1', 'reduce.outerMomentum': '0' }), [])
})

test('what is printed says where it is from, and a price makes a cost', () => {
  const options = {
    config: presetOf('arc1'),
    workers: [1, 8, 1000],
    device: 'h100',
    rate: undefined,
    price: 2,
    ...DEFAULT_GROUND,
  } as const
  const text = sizeText(options)
  for (const word of ['published', 'modelled', 'measured here', 'cost', 'nothing to do'])
    assert.ok(text.includes(word), word)
  assert.doesNotMatch(sizeText({ ...options, price: undefined }), /cost \|/)
  assert.match(sizeText({ ...options, rate: 100 }), /100 samples\/s a worker/)
})

test('deploy/SIZING.md is what the code says', () => {
  assert.equal(
    readFileSync('deploy/SIZING.md', 'utf8'),
    sizingPage(),
    'run `npx trmesh size --page > deploy/SIZING.md`',
  )
})
