// The presets equal the official runs of spec sections 1.1, 3, 6 and 10, value for value.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { PresetName } from '../../shared/config/schema.js'
import { PRESET_NAMES } from '../../shared/config/schema.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { callsOf, layersOf, recursionOf } from '../../shared/recursion.js'

const preset = (name: PresetName): RunConfig => compileConfig({ preset: name, env: {}, flags: {} })

const MODEL = {
  hidden: 512,
  heads: 8,
  expansion: 4,
  layers: 2,
  hLayers: 0,
  networks: 'shared',
  states: 'two',
  gradient: 'cycle',
  gradedCycles: 1,
  trim: 0,
  trimMargin: 0,
  gradedCalls: 0,
  halting: 'halt',
  start: 'fixed',
  startStd: 1,
  stepNoise: 0,
  chains: 1,
  chainStarts: 'drawn',
  hCycles: 3,
  lCycles: 4,
  mixer: 'attention',
  swiglu: 'plain',
  scan: 'causal',
  stateSize: 128,
  stateHead: 64,
  positions: 'rope',
  puzzleEmbLen: 16,
  puzzleEmbDim: 512,
  haltMaxSteps: 16,
  haltExplorationProb: 0.1,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  precision: 'auto',
}
const TRAIN = {
  slots: 768,
  minutes: 0,
  freezeDense: 0,
  lr: 1e-4,
  beta1: 0.9,
  beta2: 0.95,
  warmupSteps: 2000,
  lrMinRatio: 1,
  emaRate: 0.999,
  optimizer: 'adam-atan2',
  muonLr: 0.02,
  muonMomentum: 0.95,
  muonWeightDecay: 0.005,
  moveEvery: 1,
  clipNorm: 0,
  labelSmoothing: 0,
  haltLossWeight: 0.5,
  supervisionDecay: 1,
  curriculum: 'off',
}
const ARC = { ...TRAIN, puzzleLr: 1e-2, weightDecay: 0.1, puzzleWeightDecay: 0.1 }
const PUZZLES = { ...TRAIN, steps: 65_100, puzzleLr: 1e-4, weightDecay: 1, puzzleWeightDecay: 1 }
const ARC_MODEL = { ...MODEL, vocab: 12, seqLen: 900 }
const SUDOKU_MODEL = { ...MODEL, lCycles: 6, vocab: 11, seqLen: 81 }

const HRM_MODEL = {
  ...MODEL,
  layers: 4,
  hLayers: 4,
  networks: 'two',
  gradient: 'last',
  halting: 'continue',
  hCycles: 2,
  lCycles: 2,
  puzzleEmbLen: 1,
}
const HRM_PUZZLES = { ...PUZZLES, steps: 26_040, emaRate: 0 }

const OFFICIAL: [PresetName, object, object, number, number][] = [
  ['arc1', ARC_MODEL, { ...ARC, steps: 518_071 }, 51_808, 6_829_058],
  ['arc2', ARC_MODEL, { ...ARC, steps: 722_098 }, 72_391, 6_829_058],
  ['sudoku-mlp', { ...SUDOKU_MODEL, mixer: 'mlp', positions: 'none' }, PUZZLES, 6_510, 5_028_866],
  ['sudoku-att', SUDOKU_MODEL, PUZZLES, 6_510, 6_828_034],
  ['maze', { ...MODEL, vocab: 6, seqLen: 900 }, PUZZLES, 6_510, 6_822_914],
  ['hrm-arc1', { ...HRM_MODEL, vocab: 12, seqLen: 900 }, { ...ARC, steps: 518_071, emaRate: 0 }, 51_808, 27_276_290],
  ['hrm-sudoku', { ...HRM_MODEL, vocab: 11, seqLen: 81 }, HRM_PUZZLES, 2_604, 27_275_266],
  ['hrm-maze', { ...HRM_MODEL, vocab: 6, seqLen: 900 }, HRM_PUZZLES, 2_604, 27_270_146],
]

for (const [name, model, train, evaluateEvery, parameters] of OFFICIAL) {
  test(`preset ${name} is the official run`, () => {
    const config = preset(name)
    assert.deepEqual(config.model, model)
    assert.deepEqual(config.train, train)
    assert.equal(config.run.seed, 0)
    assert.equal(config.evaluate.everySteps, evaluateEvery)
    assert.equal(layoutOf(config.model).elements, parameters)
  })
}

test('hybrid-arc1 is arc1 with the stack of arXiv 2602.12078, and has the published number of parameters', () => {
  const { model, train } = preset('hybrid-arc1')
  assert.deepEqual(model, { ...ARC_MODEL, layers: 1, mixer: 'hybrid' })
  assert.deepEqual(train, preset('arc1').train)
  const layout = layoutOf(model)
  assert.equal(layout.elements, 6_860_386)
  const names = layout.entries.map(({ name }) => name.split('.').slice(3).join('.')).filter((name) => name !== '')
  const mamba = [
    'in_proj.weight',
    'conv1d.weight',
    'conv1d.bias',
    'dt_bias',
    'A_log',
    'D',
    'norm.weight',
    'out_proj.weight',
  ]
  assert.deepEqual(names, [
    ...['mamba_1', 'mamba_2'].flatMap((layer) => mamba.map((name) => `${layer}.${name}`)),
    ...['self_attn.qkv_proj.weight', 'self_attn.o_proj.weight', 'mlp.gate_up_proj.weight', 'mlp.down_proj.weight'],
  ])
})

test('urm-arc1: one state, eight loops of four layers, the last six graded (arXiv 2512.14693)', () => {
  const { model } = preset('urm-arc1')
  const { graded } = recursionOf(model)
  assert.deepEqual([callsOf(model).length, graded, layersOf(model)], [8, 6, { H: 4, L: 0 }])
  // Four layers as TRM's, each with two taps and a bias for every inner channel.
  assert.equal(layoutOf(model).elements, 4 * (3_407_872 + 3 * 1536) + 13_314)
})

test('the data of the presets is that of the official builds', () => {
  const data = (name: PresetName): unknown[] => {
    const { kind, source, canvas, augmentations, chunkEpochs } = preset(name).data
    return [kind, source, canvas, augmentations, chunkEpochs]
  }
  assert.deepEqual(data('arc1'), ['arc', 'arc-agi-1', 30, 1000, 10_000])
  assert.deepEqual(data('arc2'), ['arc', 'arc-agi-2', 30, 1000, 10_000])
  assert.deepEqual(data('sudoku-mlp'), ['sudoku', 'sudoku-extreme', 9, 1000, 5_000])
  assert.deepEqual(data('sudoku-att'), data('sudoku-mlp'))
  assert.deepEqual(data('maze'), ['maze', 'maze-hard', 30, 0, 5_000])
  assert.deepEqual(data('hrm-arc1'), data('arc1'))
  assert.deepEqual(data('hrm-sudoku'), ['sudoku', 'sudoku-extreme', 9, 1000, 2_000])
  assert.deepEqual(data('hrm-maze'), ['maze', 'maze-hard', 30, 0, 2_000])
  assert.equal(preset('arc1').data.poolSeed, 42)
  // With --data generated: as many as are published, and hard.
  const made = (name: PresetName): unknown[] => {
    const { generatedFamilies, generatedTasksPerFamily, generatedMinDifficulty, subsample } = preset(name).data
    return [generatedFamilies * generatedTasksPerFamily, generatedMinDifficulty, subsample]
  }
  assert.deepEqual(['sudoku-mlp', 'sudoku-att', 'maze'].map((name) => made(name as PresetName)), [[1000, 10, 1000], [1000, 10, 1000], [1000, 110, 1000]]) // prettier-ignore
})

test('every preset names its run after itself, and tiny trains on generated tasks', () => {
  for (const name of PRESET_NAMES) assert.equal(preset(name).run.id, name)
  const tiny = preset('tiny')
  assert.equal(tiny.data.source, 'generated')
  assert.equal(tiny.model.seqLen, tiny.data.canvas ** 2)
})
