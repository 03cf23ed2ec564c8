// TRM beside language models: the text form and its tokens, the figures made of sums, what is modelled from what, and what
// is told of it.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { measuredRow, modelledRow, votedRow, type Ground, type Measured } from '../../coordinator/baseline/rows.js'
import { drawSamples } from '../../coordinator/baseline/samples.js'
import { savedComparison } from '../../coordinator/baseline/saved.js'
import { comparisonTable } from '../../coordinator/baseline/table.js'
import { gridOf } from '../../shared/arc/grid.js'
import type { Task } from '../../shared/arc/task.js'
import { compileConfig } from '../../shared/config/compile.js'
import { ConfigError } from '../../shared/errors.js'
import { parseComparison } from '../../shared/language/comparison.js'
import { tellComparison } from '../../shared/language/tell.js'
import { forwardFlops, generationBytes, LANGUAGE_SHAPES, SHAPE_8B, trainingFlops } from '../../shared/language/shape.js'
import { serialise, Tokeniser } from '../../shared/language/text.js'
import { Recorder } from '../../shared/observe/metrics.js'
import { trainFor } from '../../worker/compute/measure.js'
import { findEnergy } from '../../worker/energy.js'
import { samplesOf } from '../../worker/measuring.js'
import { COMPARISON } from '../helpers/comparison.js'

const grid = gridOf([
  [1, 2],
  [3, 0],
])
const TASK: Task = {
  name: 'a',
  pairs: [
    { split: 'train', input: grid, output: gridOf([[5]]) },
    { split: 'test', input: gridOf([[7, 7, 7]]), output: grid },
    { split: 'test', input: grid, output: undefined },
  ],
}

test('a task becomes the text of the study: nested lists without spaces, the answer last', () => {
  const text = serialise(TASK, 0)
  assert.ok(text !== undefined)
  assert.ok(
    text.prompt.includes('Example 1 Input: [[1,2],[3,0]]\nExample 1 Output: [[5]]\n\nTest Input: [[7,7,7]]<|eot_id|>'),
  )
  assert.ok(text.prompt.endsWith('<|start_header_id|>assistant<|end_header_id|>\n\nTest Output:'))
  assert.equal(text.answer, ' [[1,2],[3,0]]<|eot_id|>')
  assert.equal(serialise(TASK, 1), undefined)
})

test('a cell costs two tokens; equal pieces get equal numbers, different ones different', () => {
  const tokeniser = new Tokeniser(32_000)
  // " [[" 1 "," 2 "],[" 3 "," 0 "]]" and the end
  const answer = tokeniser.encode(serialise(TASK, 0)?.answer ?? '')
  assert.equal(answer.length, 10)
  assert.equal(answer[2], answer[6])
  assert.equal(new Set(answer).size, 9)
  assert.ok(answer.every((token) => token >= 0 && token < 32_000))
  assert.deepEqual(tokeniser.encode(' [[1,2],[3,0]]<|eot_id|>'), answer)
})

test('samples are pairs that fit; too few of them are refused with the remedy', () => {
  const limits = { batch: 1, context: 4096, canvas: 5, vocab: 100, seed: 1 }
  const samples = drawSamples([TASK], limits)
  assert.equal(samples.lengths[0], samples.tokens.length)
  assert.equal(samples.lengths[0] - samples.prompts[0]!, 10)
  assert.deepEqual([...samples.labels.subarray(0, 2)], [3, 4])
  assert.equal(samples.testsPerTask, 2)
  assert.throws(() => drawSamples([TASK], { ...limits, context: 20 }), ConfigError)
  // Over the wire and back.
  const { tokens, lengths, prompts, inputs, labels } = samples
  const bytes = Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength)
  const message = { type: 'measure', measurement: 1, subject: 'trm', seconds: 1 } as const
  const got = samplesOf({ ...message, tokens: bytes, lengths: [...lengths], prompts: [...prompts], inputs, labels })
  assert.deepEqual([...(got.texts[0]?.tokens ?? [])], [...tokens])
  assert.equal(got.texts[0]?.prompt, prompts[0])
})

const GROUND: Ground = {
  model: compileConfig({ preset: 'arc1', env: {}, flags: {} }).model,
  tokens: 1000,
  promptTokens: 900,
  answerTokens: 101,
  testsPerTask: 2,
  pricePerHour: 3.6,
  votes: 1001,
}
const SUMS: Measured = {
  ...{ type: 'measured', measurement: 1, failure: '', parameters: 5, recompute: true, restBytes: 1, peakBytes: 3 },
  train: { steps: 4, samples: 8, tokens: 8000, seconds: 16, joules: 100, warm: true },
  answer: { answers: 2, promptSeconds: 4, tokens: 50, tokenSeconds: 5, joules: 90 },
  energy: '',
}

test('figures are made of sums: an answer is a prompt and its tokens, energy counts the step that was not timed', () => {
  const row = measuredRow('llm-15m-full', SUMS, GROUND)
  assert.equal(row.samplesPerSecond, 0.5)
  assert.equal(row.trainTokensPerSecond, 500)
  assert.equal(row.trainFlopsPerSecond, trainingFlops(LANGUAGE_SHAPES['15m'], 1000, 'full') / 2)
  assert.equal(row.trainJoulesPerSample, 10)
  assert.equal(row.tokensPerSecond, 10)
  assert.equal(row.answerSeconds, 2 + 100 / 10)
  assert.equal(row.answerJoules, 120)
  assert.ok(Math.abs((row.taskCost ?? 0) - 0.024) < 1e-12)
  const silent = measuredRow(
    'trm',
    { ...SUMS, train: { ...SUMS.train, joules: NaN } },
    { ...GROUND, pricePerHour: null },
  )
  assert.equal(silent.trainJoulesPerSample, null)
  assert.equal(silent.taskCost, null)
  assert.equal(silent.answerSeconds, 2)
  assert.equal(silent.tokensPerSecond, 10)
})

test('8B is modelled from the largest measured, by operations and bytes, and says so', () => {
  const rows = [measuredRow('llm-60m-lora', SUMS, GROUND), measuredRow('llm-15m-lora', SUMS, GROUND)]
  const big = modelledRow('lora', rows, GROUND)
  assert.equal(big?.kind, 'modelled')
  assert.match(big.note, /LLM 60M, LoRA/)
  const [small, large] = [LANGUAGE_SHAPES['60m'], SHAPE_8B]
  const training = trainingFlops(large, 1000, 'lora') / trainingFlops(small, 1000, 'lora')
  assert.ok(Math.abs((big.samplesPerSecond ?? 0) * training - 0.5) < 1e-9)
  const bytes = generationBytes(large, 950.5) / generationBytes(small, 950.5)
  assert.ok(Math.abs((big.tokensPerSecond ?? 0) * bytes - 10) < 1e-9)
  const prompt = 2 * (forwardFlops(large, 900) / forwardFlops(small, 900))
  assert.ok(Math.abs((big.answerSeconds ?? 0) - (prompt + 100 * 0.1 * bytes)) < 1e-6)
  assert.equal(modelledRow('full', rows, GROUND), undefined)
  const voted = votedRow(measuredRow('trm', SUMS, GROUND), GROUND)
  assert.equal(voted.answerSeconds, 2002)
  assert.equal(voted.kind, 'modelled')
})

test('a first step is not timed, unless there is time for no other', () => {
  let now = 0
  const contender = {
    ...{ parameters: 1, recompute: false, dispose: () => undefined },
    train: () => {
      now += 10
      return { samples: 2, tokens: 30 }
    },
    answer: () => ({ answers: 1, promptMs: 0, tokens: 0, tokensMs: 0 }),
  }
  const clock = (): number => now
  assert.deepEqual(trainFor(contender, 35, clock), { steps: 3, samples: 6, tokens: 90, seconds: 0.03, warm: true })
  assert.deepEqual(trainFor(contender, 5, clock), { steps: 1, samples: 2, tokens: 30, seconds: 0.01, warm: false })
})

test('joules come from the counters of the packages, over their end too; without them nothing is told', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.match(findEnergy(undefined, folder).source, /not told/)
  assert.ok(Number.isNaN(findEnergy(undefined, folder).start()().joules))
  const counter = join(folder, 'intel-rapl:0')
  const set = (micro: number): void => writeFileSync(join(counter, 'energy_uj'), `${micro}\n`)
  mkdirSync(counter)
  writeFileSync(join(counter, 'max_energy_range_uj'), '10000000\n')
  set(9_000_000)
  const stop = findEnergy(undefined, folder).start()
  set(2_000_000)
  assert.equal(stop().joules, 3)
})

test('a comparison survives being written, is told as metrics, and shown with what it is', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const said: string[] = []
  const say = (line: string): void => void said.push(line)
  assert.equal(await savedComparison(folder, say), undefined)
  assert.deepEqual(said, [])
  writeFileSync(join(folder, 'baseline.json'), '{"kind": 3}')
  assert.equal(await savedComparison(folder, say), undefined)
  assert.match(said.join(), /baseline\.json is left aside: .*kind/)
  writeFileSync(join(folder, 'baseline.json'), JSON.stringify(COMPARISON))
  assert.deepEqual(await savedComparison(folder, say), COMPARISON)
  assert.throws(() => parseComparison({ ...COMPARISON, rows: [{ ...COMPARISON.rows[0], subject: 'gpt' }] }), /subject/)

  const recorder = new Recorder('coordinator')
  tellComparison(recorder, COMPARISON)
  const text = await recorder.text()
  assert.match(text, /^trmesh_compared_answer_seconds\{subject="llm-15m-full"\} 2$/m)
  assert.doesNotMatch(text, /^trmesh_compared_answer_joules\{subject="llm-8b-full"\}/m)
  assert.match(text, /^trmesh_compared_info\{subject="llm-8b-full",.*kind="modelled"/m)

  const shown = comparisonTable(COMPARISON).join('\n')
  assert.match(shown, /~title of llm-8b-full/)
  assert.match(shown, /llm-1b-full was left out: needs 20 GiB/)
  assert.match(shown, /measured here: a machine/)
})
