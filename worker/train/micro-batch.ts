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

/** Of a GPU's memory, likewise, for cards of 80 GB: the bytes below are rather too many. */
const GPU_BUDGET_BYTES = 64 * 2 ** 30

/**
 * Bytes on a GPU of one sample, roughly: what backward needs in bf16, of all graded calls or (recompute) of one with the states
 * that the others start from; the states in f32; and what backward itself writes. No attention weights lie in memory there.
 */
export function gpuBytes(model: ModelConfig, recompute: boolean): number {
  const S = positionsOf(model)
  const weights = model.mixer === 'attention' ? 2 * model.heads * S * S : 0
  const perLayer = subLayersOf(model, S).reduce((sum, { kept }) => sum + kept, -weights)
  const { graded } = recursionOf(model)
  const calls = callsOf(model).slice(-graded)
  const kept = layersIn(model, recompute ? calls.slice(-1) : calls) * perLayer
  const states = 8 + (recompute ? 2 * graded : 0)
  return 2 * kept + 4 * states * S * model.hidden + 2 * perLayer
}

export const microBatchOnGpu = (model: ModelConfig, recompute: boolean): number =>
  Math.max(1, Math.floor(GPU_BUDGET_BYTES / gpuBytes(model, recompute)))

export const microBatchOf = (model: ModelConfig): number => Math.max(1, Math.floor(BUDGET_BYTES / savedBytes(model)))
