// Published baselines to set beside a run (figures.md sections 1.1, 1.2, 2 and 6), by name: language models on the same
// tests, language models being trained, TRM as others trained it. None of it was measured here.
import { ACCURACY } from './baselines/accuracy.js'
import type { Baseline } from './baselines/baseline.js'
import { EFFICIENCY } from './baselines/efficiency.js'

const ALL = { ...ACCURACY, ...EFFICIENCY }

export type BaselineId = keyof typeof ALL

export const BASELINES: Readonly<Record<BaselineId, Baseline>> = ALL

/** In the order of the tables. */
export const BASELINE_IDS: readonly BaselineId[] = Object.keys(ALL) as BaselineId[]

/** Names of the baselines that print this figure: label values of its metric. */
export const baselinesWith = (figure: keyof Baseline): readonly BaselineId[] =>
  BASELINE_IDS.filter((id) => BASELINES[id][figure] !== undefined)
