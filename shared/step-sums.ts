// Sums of losses and metrics over slots, added up: micro-batches on a worker, workers at the coordinator.
import type { StepSums } from './protocol/messages.js'

/** Adds sums in the given order, which is the order of slots. */
export function addSums(all: readonly StepSums[]): StepSums {
  const total = {
    lossTotal: 0,
    lmLoss: 0,
    qHaltLoss: 0,
    count: 0,
    accuracy: 0,
    exactAccuracy: 0,
    qHaltAccuracy: 0,
    steps: 0,
    cells: 0,
    flops: 0,
  }
  for (const sums of all) for (const key of Object.keys(total) as (keyof StepSums)[]) total[key] += sums[key]
  return total
}
