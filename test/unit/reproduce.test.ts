// Reproductions without a run: what a recipe will cost, what differs from the published run, and a table in which a scaled-down run
// never stands where a published recipe would.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reportPage } from '../../coordinator/report/html/page.js'
import { costOf, durationText, measuredSlots, rowsOf } from '../../coordinator/reproduce/estimate.js'
import { RECIPES, recipeNamed, runOf } from '../../coordinator/reproduce/recipes.js'
import { parseReproduction, reproductionText } from '../../coordinator/reproduce/record.js'
import { differences, reproductionOf, rowOf } from '../../coordinator/reproduce/rows.js'
import { reproductionTerminal } from '../../coordinator/reproduce/terminal.js'
import type { EvaluationRecord } from '../../coordinator/evaluate/record.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { PresetName } from '../../shared/config/schema.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { ConfigError, DataError } from '../../shared/errors.js'
import { flopsOf } from '../../shared/flops.js'
import { wilson } from '../../shared/wilson.js'

const preset = (name: PresetName, flags: Record<string, string> = {}): RunConfig => compileConfig({ preset: name, env: {}, flags }) // prettier-ignore
const NOTHING = { price: undefined, watts: undefined, devices: 1 }

const evaluation = (config: RunConfig, more: Partial<EvaluationRecord['asked']> = {}, precision = 'bf16'): EvaluationRecord => ({
  ...{ kind: 'trmesh evaluation', format: 1, run: config.run.id, step: config.train.steps, checkpoint: null },
  ...{ created: '2026-11-28T00:00:00.000Z', seconds: 1, machine: 'a machine', early: null, after: [], evaluations: 1 },
  ...{ watched: [], pairs: [] },
  workers: [1, 2].map((i) => ({ label: `worker-${i}`, backend: 'native', device: 'CPU', precision })),
  data: { source: config.data.source, description: 'data of a test', hash: '' },
  asked: { description: '', rows: 1000, weights: 'EMA', steps: 16, augmentations: config.evaluate.augmentations, maxPairs: 0, ...more },
  accuracies: ['exact', 'pass@2'].map((name) => ({ name, value: 0.5, trials: 1000, ...wilson(500, 1000) })),
}) // prettier-ignore

describe('the estimate', () => {
  const config = preset('sudoku-mlp')

  test('is steps x samples x seconds, and evaluations by their FLOPs', () => {
    const cost = costOf(config, 0, 1e-3, NOTHING)
    assert.equal(cost.stepSeconds, 0.768)
    assert.equal(cost.trainHours, (65_100 * 0.768) / 3600)
    // 65,100 steps, an evaluation every 6,510; a row takes 16 forward steps of (21 of 35 calls' worth of) training work.
    assert.equal(cost.evaluations, 10)
    const perRow = (1e-3 * flopsOf(config.model).answer) / flopsOf(config.model).train
    assert.ok(Math.abs(perRow - (1e-3 * 16 * 21) / 35) < 1e-12)
    assert.ok(Math.abs(cost.evaluationHours - (10 * 422_786 * perRow) / 3600) < 1e-9)
    assert.equal(cost.hours, cost.trainHours + cost.evaluationHours)
    assert.deepEqual([cost.kilowattHours, cost.price], [undefined, undefined])
  })

  test('counts what is left of a run that goes on, and devices', () => {
    const cost = costOf(config, 65_100 - 6510 - 1, 1e-3, { price: 2.5, watts: 400, devices: 4 })
    assert.deepEqual([cost.steps, cost.evaluations], [6511, 2])
    assert.equal(cost.price, cost.hours * 2.5 * 4)
    assert.equal(cost.kilowattHours, (cost.hours * 400 * 4) / 1000)
    const done = costOf(config, 65_100, 1e-3, NOTHING)
    assert.deepEqual([done.hours, done.evaluations], [0, 0])
    assert.equal(costOf(preset('tiny'), 5, 1, NOTHING).evaluations, 1, 'only at the end')
    assert.equal(costOf(preset('tiny', { 'train.steps': '25', 'evaluate.everySteps': '10' }), 0, 1, NOTHING).evaluations, 3) // prettier-ignore
  })

  test('knows the rows of published and generated test sets', () => {
    const rows = (['sudoku-att', 'maze', 'arc1', 'arc2', 'sudoku-4x4'] as const).map((name) => rowsOf(preset(name)))
    assert.deepEqual(rows, [422_786, 1000, 385_815, 170_393, 500])
    assert.equal(rowsOf(preset('maze', { 'data.source': 'generated' })), 1000)
    assert.equal(rowsOf(preset('maze', { 'evaluate.maxPairs': '10' })), 10)
    assert.equal(rowsOf(preset('tiny')), 24 * 4)
    assert.equal(rowsOf(preset('maze', { 'data.source': '/a/folder' })), undefined)
  })

  test('says durations in words, and measures with no more samples than the run has', () => {
    assert.deepEqual([0.005, 0.5, 3.26, 71.9, 2400].map(durationText), [
      '18 s',
      '30 min',
      '3.3 h',
      '71.9 h',
      '100 days',
    ])
    assert.deepEqual([measuredSlots(preset('arc1'), 2), measuredSlots(preset('sudoku-4x4'), 2)], [2, 32])
  })
})

describe('recipes', () => {
  test('compile, are named apart, and compare with the figures of the paper', () => {
    const runs = RECIPES.flatMap((recipe) => recipe.arms.map((arm) => runOf(recipe, arm)))
    assert.equal(new Set(runs).size, runs.length)
    for (const { arms } of RECIPES)
      for (const { settings } of arms)
        compileConfig({ preset: 'tiny', file: { path: 'recipe', text: JSON.stringify(settings) }, env: {}, flags: {} })
    const figures = RECIPES.slice(0, 5).map(({ arms }) => arms[0]?.reported.figure)
    assert.deepEqual(figures, ['87.4', '74.7', '85.3', '44.6', '7.8'])
    assert.throws(() => recipeNamed('sudoku'), (error) => error instanceof ConfigError && /choose one of sudoku-mlp/.test(error.remedy)) // prettier-ignore
  })

  test('the official ones are evaluated ten times, as the official loader is (spec 5.1), the last time at the end', () => {
    for (const name of ['sudoku-mlp', 'sudoku-att', 'maze', 'arc1', 'arc2', 'urm-arc1', 'hrm-arc1'] as const)
      assert.equal(costOf(preset(name), 0, 1e-3, NOTHING).evaluations, 10, name)
  })

  test('the official ones are the presets, untouched', () => {
    for (const name of ['sudoku-mlp', 'sudoku-att', 'maze', 'arc1', 'arc2'] as const) {
      const config = preset(name)
      assert.deepEqual(differences(config, preset(name), evaluation(config)), [])
    }
  })

  test('the direct prediction of the small one costs as many FLOPs a step, on the same boards', () => {
    const [mlp, attention, direct] = recipeNamed('sudoku-small').arms.map(({ settings }) =>
      compileConfig({ preset: 'tiny', file: { path: 'recipe', text: JSON.stringify(settings) }, env: {}, flags: {} }),
    ) as [RunConfig, RunConfig, RunConfig]
    assert.equal((flopsOf(attention.model).train / flopsOf(mlp.model).train).toFixed(1), '0.7')
    assert.deepEqual([attention.model.mixer, attention.data, attention.train], ['attention', mlp.data, mlp.train])
    assert.equal(flopsOf(direct.model).train, flopsOf(mlp.model).train)
    assert.deepEqual(direct.data, mlp.data)
    assert.deepEqual(direct.train, mlp.train)
    assert.deepEqual([mlp.model.mixer, direct.model.mixer, direct.model.haltMaxSteps], ['mlp', 'mlp', 1])
  })
})

describe('the table', () => {
  const recipe = recipeNamed('sudoku-mlp')
  const [arm] = recipe.arms as [(typeof recipe.arms)[number]]
  const published = preset('sudoku-mlp')
  const row = (config: RunConfig, ...asked: [Partial<EvaluationRecord['asked']>?, string?]): ReturnType<typeof rowOf> =>
    rowOf(arm, 'exact', config, published, evaluation(config, ...asked))

  test('a run that differs in nothing stands as published, any other does not', () => {
    const same = row(published)
    assert.deepEqual([same.asPublished?.value, same.otherwise, same.differs], [0.5, null, []])
    const finer = row(published, {}, 'f32')
    assert.deepEqual([finer.asPublished?.value, finer.differs], [0.5, ['precision (bf16; here f32)']])
    const others: [Record<string, string>, RegExp][] = [
      [{ 'data.source': 'generated' }, /^data\.source \(sudoku-extreme; here generated\)$/],
      [{ 'data.source': '/a/folder' }, /data\.source \(sudoku-extreme; here folder\)/],
      [{ 'train.steps': '100' }, /^steps \(65100; here 100\)$/],
      [{ 'train.slots': '96' }, /train\.slots \(768; here 96\)/],
      [{ 'model.hidden': '64' }, /model\.hidden \(512; here 64\)/],
      [{ 'run.seed': '3' }, /seed \(0; here 3\)/],
    ]
    for (const [flags, words] of others) {
      const other = row(preset('sudoku-mlp', flags))
      assert.deepEqual([other.asPublished, other.otherwise?.value], [null, 0.5], JSON.stringify(flags))
      assert.ok(other.differs.some((text) => words.test(text)), other.differs.join(', ')) // prettier-ignore
    }
    const few = row(published, { maxPairs: 50 })
    assert.deepEqual([few.asPublished, few.differs], [null, ['test set (all; here 50 pairs)']])
    assert.ok(rowOf({ ...arm, official: undefined }, 'exact', published, undefined, evaluation(published)).otherwise)
    const votes = evaluation(preset('arc1'), { augmentations: 10 })
    assert.deepEqual(differences(preset('arc1'), preset('arc1'), votes), ['votes (1000 augmentations; here 10)'])
  })

  const small = preset('sudoku-mlp', { 'data.source': 'generated', 'train.steps': '100' })
  const reproduction = reproductionOf(recipe, [row(small)])

  test('on the terminal: reported, by whom, the interval, what differs', () => {
    const text = reproductionTerminal(reproduction)
    const [line = ''] = text.split('\n').filter((one) => one.includes('87.4 %'))
    assert.match(line, /TRM-MLP +│ 87\.4 % \[1\] │ - +│ 50\.0 % +│ 46\.9 % to 53\.1 %, n = 1,000 │ 2, see below/)
    assert.match(text, /\[1\] reported: TRM-MLP, sudoku-extreme, exact, arXiv:2510\.04871v1.*\(P\)/)
    assert.match(text, /step 100, 2026-11-28, 2 x native, bf16, CPU; data of a test/)
    assert.match(
      text,
      /differs \(published; here\): data\.source \(sudoku-extreme; here generated\), steps \(65100; here 100\)/,
    )
  })

  test('in the report: columns of their own; names cannot inject anything', () => {
    const page = (what: string): string =>
      reportPage({
        name: 'r',
        journal: { steps: [], evaluations: [], unreadable: 0 },
        evaluation: undefined,
        studies: [],
        reproduction: { ...reproduction, rows: [{ ...row(small), what }] },
        config: undefined,
        checkpoint: undefined,
        parameters: undefined,
        machine: 'm',
        date: '2026-11-28T00:00:00.000Z',
      })
    const text = page('TRM-MLP').replace(/\s+/g, ' ')
    assert.match(text, /<td data-of="measured here, as published" class="number">-<\/td>/)
    assert.match(text, /<td data-of="measured here, otherwise" class="number">50\.0 %<\/td>/)
    assert.match(text, /data\.source \(sudoku-extreme; here generated\)/)
    assert.ok(!page('<script>').includes('<script>'))
  })

  test('is written and read back; what is damaged is refused by name', () => {
    assert.deepEqual(parseReproduction(reproductionText(reproduction), 'f').rows, reproduction.rows)
    for (const text of ['{', '{}', reproductionText(reproduction).replace('"value"', '"other"')])
      assert.throws(() => parseReproduction(text, 'r.json'), (error) => error instanceof DataError && /r\.json/.test(error.message)) // prettier-ignore
  })
})
