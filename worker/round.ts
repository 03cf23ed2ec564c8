// The steps of a round on the compute thread, one after the other, from what was sent for it to what this worker proposes.
// Between two of them a discard is noticed, so a round that is void costs no more than the step under way.
import type { SlotId, Step } from '../shared/ids.js'
import { STEP_PHASES } from '../shared/protocol/messages.js'
import type { Compute } from './compute/client.js'
import type { PhaseTimes, Reply } from './compute/port.js'
import type { RoundExamples } from './round-examples.js'

export type Stepped = Extract<Reply, { type: 'stepped' }>

export interface RoundOrder {
  /** The first step, and how many. */
  readonly first: Step
  readonly length: number
  readonly slots: readonly SlotId[]
  readonly puzzles: readonly number[]
  readonly frozen: boolean
}

/**
 * @param report is called after every step, before the next one overwrites the arena's row gradients; false: the round is void
 * @returns undefined if it became void
 */
export async function computeRound(
  compute: Compute,
  { first, length, slots, puzzles, frozen }: RoundOrder,
  examples: RoundExamples,
  report: (inner: number, stepped: Stepped) => boolean,
): Promise<Pick<Stepped, 'finite' | 'nodes' | 'halves' | 'phases'> | undefined> {
  const phases: PhaseTimes = {}
  let finite = true
  let nodes: Stepped['nodes'] = null
  let halves = false
  for (let inner = 0; inner < length; inner++) {
    const order = { type: 'step', step: (first + inner) as Step, takes: examples.next(), frozen } as const
    const stepped = await compute.call(inner === 0 ? { ...order, puzzles } : order)
    if (!report(inner, stepped)) return undefined
    examples.settle(slots, stepped.halted)
    finite &&= stepped.finite
    nodes = stepped.nodes
    halves = stepped.halves
    for (const phase of STEP_PHASES) {
      const ms = stepped.phases[phase]
      if (ms !== undefined) phases[phase] = (phases[phase] ?? 0) + ms
    }
  }
  if (length > 1) await compute.call({ type: 'propose' })
  return { finite, nodes, halves, phases }
}
