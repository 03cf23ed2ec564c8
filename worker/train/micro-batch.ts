// How many slots go through the network together. What backward needs of one sample is kept for all of them, so the number
// is bounded by memory; it is a function of the model and the number of slots alone, so that the order of sums does not depend on the machine.
import type { ModelConfig } from '../../shared/config/run-config.js'
import { positionsOf } from '../../shared/gradients/layout.js'
import { callsOf, layersIn, recursionOf } from '../../shared/recursion.js'
import { subLayersOf } from '../../shared/sub-layers.js'
import { gpuBytes } from './gpu-memory.js'

/** Bytes of saved activations at once, at most, unless a single sample needs more. */
const BUDGET_BYTES = 3 * 2 ** 30

/** f32 bytes that the graded calls keep of one sample, roughly. */
export function savedBytes(model: ModelConfig): number {
  const perLayer = subLayersOf(model, positionsOf(model)).reduce((sum, { kept }) => sum + kept, 0)
  const { graded } = recursionOf(model)
  return 4 * layersIn(model, callsOf(model).slice(-graded)) * perLayer
}

/**
 * Of a GPU's memory, likewise, for cards of 80 GB, of which 79 GiB can be had: the rest is the driver's, cuBLASLt's, and what the
 * pool cannot use because it lies in pieces.
 */
const GPU_BUDGET_BYTES = 70 * 2 ** 30

/** Samples that a pass of the kernels takes. */
const MOST_SAMPLES = 65535

/**
 * Of a run of so many slots, all of which one GPU may come to hold. Graphs of the recursion count whether or not they are used, so that
 * to do without them changes no bit. The official ARC run (768 slots, recompute) takes 48 GiB without them and 67 GiB with two, so it
 * keeps both its graphs and its batch in one.
 */
export function microBatchOnGpu(model: ModelConfig, slots: number, recompute: boolean): number {
  const fits = (batch: number): boolean =>
    gpuBytes(model, { batch, slots, recompute, graphs: true }) <= GPU_BUDGET_BYTES
  let [most, tooMany] = [1, MOST_SAMPLES + 1]
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2)
    if (fits(middle)) most = middle
    else tooMany = middle
  }
  return most
}

export const microBatchOf = (model: ModelConfig): number => Math.max(1, Math.floor(BUDGET_BYTES / savedBytes(model)))
