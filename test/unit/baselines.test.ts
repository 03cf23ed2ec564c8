// Published baselines: what is printed stands in the study they were copied from, and what is exported is what is printed.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import test from 'node:test'
import { BASELINE_IDS, BASELINES } from '../../shared/baselines.js'
import { bytesIn, countIn, numberIn, secondsIn, shareIn } from '../../shared/baselines/baseline.js'
import { BASELINE_METRICS } from '../../shared/baselines/metrics.js'
import { tellBaselines } from '../../shared/baselines/tell.js'
import { Recorder } from '../../shared/observe/metrics.js'

const STUDY = resolve(process.cwd(), '../shared/spec/figures.md')
const skip = existsSync(STUDY) ? false : 'shared/spec/figures.md is not here'

test('numbers, bytes, seconds and counts are taken out of what is printed', () => {
  assert.equal(numberIn('14,079–14,451 per GPU'), 14079)
  assert.equal(numberIn('≈ 2,340 tok/s'), 2340)
  assert.ok(Number.isNaN(numberIn('not given')))
  assert.equal(bytesIn('18.9 GiB'), 18.9 * 2 ** 30)
  assert.equal(bytesIn('< 10 GB'), 1e10)
  assert.ok(Number.isNaN(bytesIn('18.9')))
  assert.equal(secondsIn('~1 h'), 3600)
  assert.equal(secondsIn('48 min'), 2880)
  assert.equal(shareIn('85.5±1.3 %'), 0.855)
  assert.equal(countIn('1.7T'), 1.7e12)
  assert.equal(countIn('671B'), 671e9)
})

test('every baseline says what it is, where it was read, how well, and what to mind', () => {
  for (const id of BASELINE_IDS) {
    const { model, setup, hardware, source, caveat, ...figures } = BASELINES[id]
    for (const text of [model, setup, hardware, source, caveat]) assert.ok(text.length > 0, id)
    assert.match(id, /^[a-z0-9.-]+$/)
    const { tokensPerSecond, samplesPerSecond, memory, training, accuracy } = figures
    assert.ok(
      [tokensPerSecond, samplesPerSecond, memory, training, accuracy].some((figure) => figure !== undefined),
      id,
    )
  }
})

test('every printed figure stands in the study', { skip }, () => {
  const study = readFileSync(STUDY, 'utf8').replaceAll('*', '')
  const numbers = new Set(study.match(/\d[\d,]*(\.\d+)?/g))
  let checked = 0
  for (const id of BASELINE_IDS) {
    const { tokensPerSecond, samplesPerSecond, memory, training, parameters, accuracy } = BASELINES[id]
    const printed = [tokensPerSecond, samplesPerSecond, memory, training, parameters, ...Object.values(accuracy ?? {})]
    for (const figure of printed) {
      if (figure === undefined) continue
      const [number = 'none'] = /\d[\d,]*(\.\d+)?/.exec(figure) ?? []
      assert.ok(numbers.has(number), `${id}: ${figure}`)
      checked++
    }
  }
  assert.ok(checked > 80, `${checked}`)
  // The rows that mix models in one table keep the model's row: name and figure stand in one line.
  for (const id of [
    'deepseek-r1',
    'gemini-2.5-pro-32k',
    'grok-4-thinking',
    'grok-4-bespoke',
    'hrm',
    'trm-att',
  ] as const) {
    const { model, accuracy } = BASELINES[id]
    const lines = study.split('\n').filter((line) => line.startsWith(`| ${model} `))
    for (const percent of Object.values(accuracy ?? {}))
      assert.ok(
        lines.some((line) => line.includes(` ${percent} |`)),
        `${model}: ${percent}`,
      )
  }
})

test('the coordinator tells every figure once, with labels of the closed sets', async () => {
  const recorder = new Recorder('coordinator')
  tellBaselines(recorder)
  const lines = (await recorder.text()).split('\n').filter((line) => line.startsWith('trmesh_baseline_'))
  const of = (name: string): string[] => lines.filter((line) => line.startsWith(`${name}{`))
  assert.equal(of('trmesh_baseline_info').length, BASELINE_IDS.length)
  const one = (name: keyof typeof BASELINE_METRICS): void => {
    const { labels } = BASELINE_METRICS[name] as { labels: { baseline: readonly string[] } }
    const told = of(name).map((line) => /baseline="([^"]+)"/.exec(line)?.[1])
    assert.deepEqual([...new Set(told)], [...labels.baseline], name)
  }
  one('trmesh_baseline_tokens_per_second')
  one('trmesh_baseline_samples_per_second')
  one('trmesh_baseline_memory_bytes')
  one('trmesh_baseline_training_seconds')
  one('trmesh_baseline_parameters')
  one('trmesh_baseline_accuracy_ratio')
  assert.ok(lines.every((line) => Number.isFinite(Number(line.split(' ').at(-1)))))
  assert.deepEqual(
    of('trmesh_baseline_accuracy_ratio').filter((line) => line.includes('"grok-4-bespoke"')),
    [
      'trmesh_baseline_accuracy_ratio{baseline="grok-4-bespoke",test="arc-agi-1"} 0.796',
      'trmesh_baseline_accuracy_ratio{baseline="grok-4-bespoke",test="arc-agi-2"} 0.294',
    ],
  )
})
