// Adaptive computation time (spec 1.8): when a slot halts, as a pure function of one slot's state, its q logit and the two
// random draws of that slot and step.

export interface ActState {
  /** Supervision steps spent on the current example. */
  readonly steps: number
  /** A halted slot takes its next example at the next step. */
  readonly halted: boolean
}

export interface ActOptions {
  readonly haltMaxSteps: number
  readonly explorationProb: number
  /** In evaluation everyone runs the full number of steps. */
  readonly training: boolean
  /** q must exceed this to halt: 0, or for HRM the q_continue logit. */
  readonly threshold?: number
}

/** Fresh carry: everyone halted, so that everyone takes an example. */
export const FRESH: ActState = { steps: 0, halted: true }

/**
 * State after a supervision step. `rand` is uniform in [0, 1), `randint` uniform in 2 .. haltMaxSteps; both are drawn anew
 * for every slot and step. `replaced`: the slot took a new example for this step.
 */
export function transition(
  before: ActState,
  qHalt: number,
  rand: number,
  randint: number,
  options: ActOptions,
): ActState & { readonly replaced: boolean } {
  const { haltMaxSteps, explorationProb, training, threshold = 0 } = options
  const steps = (before.halted ? 0 : before.steps) + 1
  let halted = steps >= haltMaxSteps
  if (training && haltMaxSteps > 1) {
    // The reference compares in float32: a draw equal to the float32 probability does not explore.
    const atLeast = rand < Math.fround(explorationProb) ? randint : 0
    halted = (halted || qHalt > threshold) && steps >= atLeast
  }
  return { steps, halted, replaced: before.halted }
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** HRM's target for q_continue, from the q logits of one more forward pass (spec 10). */
export function continueTarget(steps: number, haltMaxSteps: number, nextHalt: number, nextContinue: number): number {
  return sigmoid(steps >= haltMaxSteps ? nextHalt : Math.max(nextHalt, nextContinue))
}
