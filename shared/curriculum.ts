// CGAR (arXiv 2511.08653): how deep the recursion goes depends on how far the run is, and how much a supervision step counts on its
// place in the episode. Both are functions of configuration and step: the same on every worker, in a replay and after a resume.
// Published: (n, T) = (2, 1), (4, 2), (6, 3) from 0, 30 and 60 % of training, and weights 0.7^(t - 1) / sum. Ours: thirds
// of n and T, rounded up, for any model, which at (6, 3) are the same; and weights whose mean, not whose sum, is 1 over an
// episode of all steps, so that gradients are as long as without. Evaluation always goes to the full depth, as published.
import type { ModelConfig, TrainConfig } from './config/run-config.js'

/** Of a run: where each stage ends, and the part of the cycles that it has. */
export const DEPTH_STAGES: readonly { readonly until: number; readonly part: number }[] = [
  { until: 0.3, part: 1 / 3 },
  { until: 0.6, part: 2 / 3 },
  { until: 1, part: 1 },
]

type Depth = Pick<ModelConfig, 'hCycles' | 'lCycles' | 'gradedCycles'>

/** The model as training step `step` (from 1) performs it. */
export function modelAt<Model extends Depth>(
  model: Model,
  { curriculum, steps }: Pick<TrainConfig, 'curriculum' | 'steps'>,
  step: number,
): Model {
  if (curriculum === 'off') return model
  const progress = (step - 1) / steps
  const { part } = DEPTH_STAGES.find(({ until }) => progress < until) ?? { part: 1 }
  if (part === 1) return model
  const hCycles = Math.ceil(model.hCycles * part)
  const lCycles = Math.ceil(model.lCycles * part)
  return { ...model, hCycles, lCycles, gradedCycles: Math.min(model.gradedCycles, hCycles) }
}

/** What the loss of supervision step `t` (from 1) of an example counts, of at most `most`: decay^(t - 1), with a mean of 1. */
export function supervisionWeight(decay: number, most: number, t: number): number {
  if (decay === 1) return 1
  const sum = (1 - decay ** most) / (1 - decay)
  return (most * decay ** (t - 1)) / sum
}
