// Checks the ACT transitions of a golden file (trm-parity-act/1), for TRM and HRM rules.
import type { ActState } from '../../worker/train/act.js'
import { FRESH, continueTarget, transition } from '../../worker/train/act.js'
import type { GoldenFile } from './golden.js'
import type { Comparison } from './report.js'

interface Scenario {
  readonly name: string
  readonly model: 'trm' | 'hrm'
  readonly training: boolean
  readonly halt_max_steps: number
  readonly halt_exploration_prob: number
  readonly q_halt: number[][]
  readonly q_continue?: number[][]
  readonly next_q_halt?: number[][]
  readonly next_q_continue?: number[][]
  readonly rand?: number[][]
  readonly randint?: number[][]
  readonly expected: {
    replaced: number[]
    row_from_call: number[]
    steps: number[]
    halted: number[]
    target_q_continue?: number[]
  }[]
}

export interface ActGolden {
  readonly batch: number
  readonly tolerance: { readonly target_q_continue: number }
  readonly scenarios: readonly Scenario[]
}

export function checkAct({ content }: GoldenFile<ActGolden>, comparison: Comparison): void {
  for (const scenario of content.scenarios) {
    let states: ActState[] = Array.from({ length: content.batch }, () => FRESH)
    const rowFromCall = new Array<number>(content.batch).fill(0)
    scenario.expected.forEach((expected, call) => {
      const value = (table: number[][] | undefined, slot: number): number => table?.[call]?.[slot] ?? 0
      const next = states.map((state, slot) =>
        transition(state, value(scenario.q_halt, slot), value(scenario.rand, slot), value(scenario.randint, slot), {
          haltMaxSteps: scenario.halt_max_steps,
          explorationProb: scenario.halt_exploration_prob,
          training: scenario.training,
          ...(scenario.model === 'hrm' ? { threshold: value(scenario.q_continue, slot) } : {}),
        }),
      )
      next.forEach((state, slot) => {
        if (state.replaced) rowFromCall[slot] = call + 1
      })
      const where = `${scenario.name}, call ${call + 1}`
      const flags = (values: boolean[]): number[] => values.map(Number)
      comparison.equal(`${where}, replaced`, flags(next.map((state) => state.replaced)), expected.replaced)
      comparison.equal(`${where}, row`, rowFromCall, expected.row_from_call)
      comparison.equal(`${where}, steps`, next.map((state) => state.steps), expected.steps) // prettier-ignore
      comparison.equal(`${where}, halted`, flags(next.map((state) => state.halted)), expected.halted)
      if (expected.target_q_continue !== undefined) {
        const targets = next.map((state, slot) =>
          continueTarget(
            state.steps,
            scenario.halt_max_steps,
            value(scenario.next_q_halt, slot),
            value(scenario.next_q_continue, slot),
          ),
        )
        const allowed = content.tolerance.target_q_continue
        comparison.allClose(`${where}, target_q_continue`, targets, expected.target_q_continue, allowed)
      }
      states = next
    })
  }
}
