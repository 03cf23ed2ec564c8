// How many slots go through the network together. What backward needs of one sample is kept for all of them, so the number
// is bounded by memory; it is a function of the model alone, so that the order of sums does not depend on the machine.
import type { ModelConfig } from '../../shared/config/run-config.js'
import { positionsOf } from '../../shared/gradients/layout.js'
import { callsOf, layersIn, recursionOf } from '../../shared/recursion.js'
import { subLayersOf } from '../../shared/sub-layers.js'

/** Bytes of saved activations at once, at most, unless a single sample needs more. */
const BUDGET_BYTES = 3 * 2 ** 30

/** f32 bytes that the graded calls keep of one sample, roughly. */
export function savedBytes(model: ModelConfig): number {
  const perLayer = subLayersOf(model, positionsOf(model)).reduce((sum, { kept }) => sum + kept, 0)
  const { graded } = recursionOf(model)
  return 4 * layersIn(model, callsOf(model).slice(-graded)) * perLayer
}

export const microBatchOf = (model: ModelConfig): number => Math.max(1, Math.floor(BUDGET_BYTES / savedBytes(model)))
