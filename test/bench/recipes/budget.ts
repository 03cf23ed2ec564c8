// How many steps a recipe may train: as many as the FLOPs of the baseline allow. Counted (shared/flops.ts), not timed, so that
// the same comparison is the same on every machine, however busy.
import { compileConfig } from '../../../shared/config/compile.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { modelAt } from '../../../shared/curriculum.js'
import { flopsOf, updateFlops } from '../../../shared/flops.js'
import type { Recipe, Task } from './table.js'

/** Seeds of weights, order of examples and exploration; the boards are those of data.poolSeed for everybody. */
export function configOf(task: Task, recipe: Recipe, steps: number, seed: number): RunConfig {
  const own = typeof recipe.flags === 'function' ? recipe.flags(steps) : recipe.flags
  const flags = { ...task.flags, ...own, 'train.steps': String(steps), 'run.seed': String(seed) }
  return compileConfig({ preset: task.preset, env: {}, flags })
}

/** Modelled FLOPs of training from the first step to the last, those of the optimizer's matrix products too. */
export function trainingFlops({ model, train }: RunConfig): number {
  const byDepth = new Map<string, number>()
  let total = train.steps * updateFlops(model, train)
  for (let step = 1; step <= train.steps; step++) {
    const now = modelAt(model, train, step)
    const depth = `${now.hCycles} ${now.lCycles}`
    const flops = byDepth.get(depth) ?? flopsOf(now).train
    byDepth.set(depth, flops)
    total += train.slots * flops
  }
  return total
}

/** The most steps whose FLOPs are within the budget. */
export function stepsWithin(budget: number, flopsOfSteps: (steps: number) => number): number {
  let [low, high] = [1, 2]
  while (flopsOfSteps(high) <= budget) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (flopsOfSteps(middle) <= budget) low = middle
    else high = middle
  }
  return low
}
