// What is compared: small tasks that one core learns in about a minute, and recipes, each as what it changes of the baseline's
// settings. Every setting names its paper in its own doc. To compare one more recipe, add a row.
import type { PresetName } from '../../../shared/config/schema.js'

export type Flags = Readonly<Record<string, string>>

export interface Task {
  readonly preset: PresetName
  /** What differs from the preset, for the baseline and every recipe. */
  readonly flags: Flags
  /** Steps of the baseline: where some of its answers are right, and not all. Recipes get the same FLOPs. */
  readonly steps: number
}

/** Two cycles, one of them without gradient, as in the paper's model: so that recipes about depth have some to vary. */
const DEEP = { 'model.hCycles': '2', 'train.minutes': '0' }

/** The baseline explores as little as the paper's, whatever the preset does. */
const SPARING = { 'model.haltExplorationProb': '0.1' }

export const TASKS: Readonly<Record<string, Task>> = {
  'sudoku-4x4': { preset: 'sudoku-4x4', flags: DEEP, steps: 170 },
  'sudoku-6x6': { preset: 'sudoku-6x6', flags: DEEP, steps: 300 },
  // For what pays late.
  'sudoku-6x6-long': { preset: 'sudoku-6x6', flags: DEEP, steps: 600 },
  'maze-7x7': { preset: 'maze-7x7', flags: { ...DEEP, ...SPARING }, steps: 500 },
  // The preset itself, to its end: how answers fare with more supervision steps than they need.
  'maze-7x7-long': { preset: 'maze-7x7', flags: { ...SPARING, 'train.minutes': '0' }, steps: 4000 },
  // Its own mixer is attention, which small boards teach too slowly to compare anything with.
  tiny: { preset: 'tiny', flags: DEEP, steps: 800 },
}

export interface Recipe {
  readonly name: string
  /** What differs from the baseline; where it is a function, by the number of steps that it trains. */
  readonly flags: Flags | ((steps: number) => Flags)
  /** Whose row it is compared with; default: the baseline. */
  readonly against?: string
}

export const BASELINE = 'baseline'

/** Mixers beside the baseline's, each with the positions it can use; Mamba-2 with states as small as the model. */
const ATTENTION: Flags = { 'model.mixer': 'attention', 'model.positions': 'rope' }
const HYBRID: Flags = {
  'model.mixer': 'hybrid',
  'model.positions': 'rope',
  'model.layers': '1',
  'model.stateSize': '16',
  'model.stateHead': '32',
}

export const RECIPES: readonly Recipe[] = [
  { name: BASELINE, flags: {} },
  { name: 'cosine', flags: { 'train.lrMinRatio': '0.1' } },
  { name: 'no-average', flags: { 'train.emaRate': '0' } },
  { name: 'lr-double', flags: { 'train.lr': '4e-3' } },
  { name: 'lr-half', flags: { 'train.lr': '1e-3' } },
  { name: 'smoothing', flags: { 'train.labelSmoothing': '0.2' } },
  { name: 'clip', flags: { 'train.clipNorm': '1' } },
  { name: 'halt-weight', flags: { 'train.haltLossWeight': '0.05' } },
  // No example halts before a step drawn for it, instead of one in ten.
  { name: 'explore', flags: { 'model.haltExplorationProb': '1' } },
  { name: 'explore-half', flags: { 'model.haltExplorationProb': '0.5' } },
  { name: 'muon', flags: { 'train.optimizer': 'muon' } },
  { name: 'normed-swiglu', flags: { 'model.swiglu': 'normed' } },
  { name: 'muon-normed', flags: { 'train.optimizer': 'muon', 'model.swiglu': 'normed' } },
  {
    name: 'speed-is-confidence',
    flags: {
      'train.optimizer': 'muon',
      'model.swiglu': 'normed',
      'train.lrMinRatio': '0.1',
      'train.clipNorm': '1',
      'train.labelSmoothing': '0.2',
      'train.haltLossWeight': '0.05',
    },
  },
  { name: 'muon-slow', flags: { 'train.optimizer': 'muon', 'train.muonLr': '0.005' } },
  { name: 'muon-cosine', flags: { 'train.optimizer': 'muon', 'train.lrMinRatio': '0.1' } },
  { name: 'accumulate-2', flags: { 'train.moveEvery': '2' } },
  { name: 'accumulate-2-lr', flags: { 'train.moveEvery': '2', 'train.lr': '4e-3' } },
  { name: 'accumulate-4', flags: { 'train.moveEvery': '4' } },
  { name: 'supervision-decay', flags: { 'train.supervisionDecay': '0.7' } },
  { name: 'depth-curriculum', flags: { 'train.curriculum': 'depth' } },
  { name: 'cgar', flags: { 'train.curriculum': 'depth', 'train.supervisionDecay': '0.7' } },
  { name: 'attention', flags: ATTENTION },
  { name: 'hybrid', flags: HYBRID, against: 'attention' },
  { name: 'hybrid-bidirectional', flags: { ...HYBRID, 'model.scan': 'bidirectional' }, against: 'attention' },
  { name: 'conv-swiglu', flags: { ...ATTENTION, 'model.swiglu': 'conv' }, against: 'attention' },
  // The small boards take half of the steps, and are not asked.
  { name: 'mixed-sizes', flags: { 'data.sizes': '4,6' } },
  { name: 'random-start', flags: { 'model.start': 'random' } },
  { name: 'start-around', flags: { 'model.start': 'around', 'model.startStd': '0.3' } },
  { name: 'step-noise', flags: { 'model.stepNoise': '0.1' } },
  { name: 'random-start-and-noise', flags: { 'model.start': 'random', 'model.stepNoise': '0.05' } },
  { name: 'chains-2', flags: { 'model.chains': '2' } },
  { name: 'chains-4', flags: { 'model.chains': '4' } },
  { name: 'chains-4-aligned', flags: { 'model.chains': '4', 'model.chainStarts': 'aligned' }, against: 'chains-4' },
]
