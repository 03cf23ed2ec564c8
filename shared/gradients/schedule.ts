// The learning rate as a function of the step (spec 3.3): linear warm-up, then a cosine down to a floor. The same
// multiplier serves the dense parameters and the puzzle rows.

export interface Schedule {
  readonly base: number
  readonly warmupSteps: number
  readonly totalSteps: number
  /** Floor of the cosine as a fraction of base; 1 keeps the rate constant after warm-up. */
  readonly minRatio: number
}

/** Learning rate at a step; training counts its steps from 1. */
export function learningRate(schedule: Schedule, step: number): number {
  const { base, warmupSteps, totalSteps, minRatio } = schedule
  if (step < warmupSteps) return (base * step) / warmupSteps
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps)
  return base * (minRatio + Math.max(0, (1 - minRatio) * 0.5 * (1 + Math.cos(Math.PI * progress))))
}

/** Optimizer steps in that many epochs over the groups of a data set. */
export function totalSteps(epochs: number, groups: number, meanPuzzleExamples: number, globalBatch: number): number {
  return Math.floor((epochs * groups * meanPuzzleExamples) / globalBatch)
}
