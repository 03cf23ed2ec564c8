// `trmesh baseline` over a real nats-server: a worker is asked, measures, and is written down; one that dies is told apart.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { parseComparison } from '../../shared/language/comparison.js'
import {
  asArguments,
  natsFor,
  SMALL,
  temporaryFolder,
  trmesh,
  until,
  withoutNats,
  workerProcess,
} from '../helpers/cluster.js'

const FLAGS = [
  'model.hidden',
  'model.heads',
  'model.lCycles',
  'model.puzzleEmbDim',
  'data.canvas',
  'data.generatedFamilies',
]
const small = Object.fromEntries(Object.entries(SMALL).filter(([key]) => FLAGS.includes(key)))
const ARGUMENTS = [
  ...['baseline', '--preset', 'tiny', ...asArguments({ ...small, 'data.generatedTrainPairs': 2 })],
  ...['--size', '15m', '--minutes', '0.01', '--batch', '1', '--price-per-hour', '2', '--json'],
]

test(
  'a comparison is measured by a worker elsewhere, printed and written',
  { skip: withoutNats, timeout: 180_000 },
  async (t) => {
    const folder = temporaryFolder(t)
    const { url } = await natsFor(t)
    const file = join(folder, 'figures.json')
    const leader = trmesh(t, [...ARGUMENTS, '--nats', url, '--run', 'compared', '--to', file])
    workerProcess(t, url, 'compared', 'w0')
    assert.equal(await leader.ended, 0, leader.said())
    const comparison = parseComparison(JSON.parse(readFileSync(file, 'utf8')))
    assert.deepEqual(parseComparison(JSON.parse(leader.said())), comparison)
    assert.deepEqual(comparison.skipped, [])
    assert.deepEqual(comparison.rows.map(({ subject }) => subject).sort(), [
      ...['llm-15m-full', 'llm-15m-lora', 'llm-8b-full', 'llm-8b-lora', 'trm', 'trm-voted'],
    ])
    for (const { subject, kind, answerSeconds, samplesPerSecond, peakBytes, taskCost } of comparison.rows) {
      if (subject !== 'trm-voted') assert.ok((samplesPerSecond ?? 0) > 0, subject)
      assert.ok((answerSeconds ?? 0) > 0 && (taskCost ?? 0) > 0, subject)
      assert.equal(kind, /8b|voted/.test(subject) ? 'modelled' : 'measured')
      if (kind === 'measured') assert.ok((peakBytes ?? 0) > 2 ** 26, `${subject}: ${peakBytes} bytes`)
    }
  },
)

test(
  'a worker killed under a measurement ends that measurement, not the comparison',
  { skip: withoutNats, timeout: 180_000 },
  async (t) => {
    const folder = temporaryFolder(t)
    const { url } = await natsFor(t)
    const file = join(folder, 'figures.json')
    const leader = trmesh(t, [
      ...ARGUMENTS.filter((word) => word !== '--json'),
      '--nats',
      url,
      '--run',
      'killed',
      '--to',
      file,
    ])
    const victim = workerProcess(t, url, 'killed', 'w0')
    await until(
      () => leader.said(),
      () => /trm: \d+ steps/.test(leader.said()),
    )
    victim.kill('SIGKILL')
    workerProcess(t, url, 'killed', 'w1')
    assert.equal(await leader.ended, 0, leader.said())
    const { skipped, rows } = parseComparison(JSON.parse(readFileSync(file, 'utf8')))
    assert.deepEqual(
      skipped.map(({ subject }) => subject),
      ['llm-15m-lora'],
    )
    assert.match(skipped[0]?.why ?? '', /the worker ended under it/)
    assert.ok(rows.some(({ subject }) => subject === 'llm-15m-full'))
  },
)
