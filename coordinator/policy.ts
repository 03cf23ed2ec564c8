// The limits that the run's state machine works with, from the configuration.
import type { RunConfig } from '../shared/config/run-config.js'
import type { Millis } from '../shared/ids.js'
import { budgetOf, type Policy } from './run-state.js'

/** Slots that always belong to one worker; undefined in mode fast, where any may move alone. */
export const groupSize = ({ reduce }: RunConfig): number | undefined =>
  reduce.mode === 'exact' ? reduce.group : undefined

export function policyOf(config: RunConfig, evaluateOnly: boolean): Policy {
  const unitSlots = groupSize(config) ?? 1
  const units = Math.ceil(config.train.slots / unitSlots)
  return {
    balance: config.cluster.balance === 'speed' && !evaluateOnly,
    ...{ units, unitSlots },
    minWorkers: config.cluster.minWorkers,
    maxWorkers: units,
    exact: config.reduce.mode === 'exact' && !evaluateOnly,
    deadAfter: config.cluster.deadAfterMs as Millis,
    steps: config.train.steps,
    stride: config.reduce.localSteps,
    budget: budgetOf(config.train),
    checkpointEvery: config.checkpoint.everySteps,
    evaluateEvery: config.evaluate.everySteps,
    evaluateOnly,
  }
}
