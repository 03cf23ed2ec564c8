// What a run will cost, from the speed of one sample: hours of training and of evaluation, energy, money. Pure arithmetic; that the
// time of a step grows with its samples is a model, and whoever prints it says so.
import type { RunConfig } from '../../shared/config/run-config.js'
import { flopsOf } from '../../shared/flops.js'

/** Test rows of the published sets, ARC with its augmentations (spec 4.2, 4.3, 4.4). */
const ROWS: Readonly<Record<string, number>> = {
  'sudoku-extreme': 422_786,
  'maze-hard': 1000,
  'arc-agi-1': 385_815,
  'arc-agi-2': 170_393,
}

export interface Wishes {
  /** Of one device for one hour; undefined: no price. */
  readonly price: number | undefined
  /** Drawn by one device, in watts; undefined: no energy. */
  readonly watts: number | undefined
  readonly devices: number
}

export interface Cost {
  readonly stepSeconds: number
  readonly steps: number
  readonly trainHours: number
  readonly evaluations: number
  readonly evaluationHours: number
  readonly hours: number
  readonly kilowattHours: number | undefined
  readonly price: number | undefined
}

/** Rows of one evaluation; undefined for a folder, whose rows are not known before it is read. */
export function rowsOf({ data, evaluate }: RunConfig): number | undefined {
  const { kind, source, generatedFamilies, generatedTasksPerFamily, generatedTestBoards, generatedTestPairs } = data
  const tasks = generatedFamilies * generatedTasksPerFamily
  const copies = kind === 'arc' ? 1 + Math.min(evaluate.augmentations, data.augmentations) : 1
  const pairs =
    source !== 'generated'
      ? ROWS[source]
      : kind === 'arc'
        ? tasks * generatedTestPairs * copies
        : generatedTestBoards || Math.max(1, Math.ceil(tasks / 4))
  const attempts = Math.max(1, evaluate.rollouts)
  if (evaluate.maxPairs === 0) return pairs === undefined ? undefined : pairs * attempts
  return Math.min(pairs ?? Infinity, evaluate.maxPairs * copies) * attempts
}

/**
 * @param done steps that a checkpoint has
 * @param perSample seconds of one sample in one supervision step of training, all devices together
 */
export function costOf(config: RunConfig, done: number, perSample: number, wishes: Wishes): Cost {
  const { train, evaluate, model } = config
  const steps = Math.max(0, train.steps - done)
  const stepSeconds = train.slots * perSample
  const every = evaluate.everySteps
  // One at the end, and those on the way there.
  const evaluations = steps === 0 ? 0 : every === 0 ? 1 : Math.floor(train.steps / every) - Math.floor(done / every) + (train.steps % every === 0 ? 0 : 1) // prettier-ignore
  const flops = flopsOf(model)
  const trainHours = (steps * stepSeconds) / 3600
  const evaluationHours = (evaluations * (rowsOf(config) ?? 0) * perSample * (flops.answer / flops.train)) / 3600
  const hours = trainHours + evaluationHours
  const { price, watts, devices } = wishes
  return {
    ...{ stepSeconds, steps, trainHours, evaluations, evaluationHours, hours },
    kilowattHours: watts === undefined ? undefined : (hours * watts * devices) / 1000,
    price: price === undefined ? undefined : hours * price * devices,
  }
}

/** `12 s`, `14 min`, `3.2 h`, `41 days`. */
export function durationText(hours: number): string {
  if (hours < 1 / 60) return `${Math.round(hours * 3600)} s`
  if (hours < 1.5) return `${Math.round(hours * 60)} min`
  return hours < 72 ? `${hours.toFixed(1)} h` : `${Math.round(hours / 24).toLocaleString('en')} days`
}

/** Slots of a short measurement: enough work for a step that takes some tenths of a second on a processor, never more than the run has. */
export function measuredSlots(config: RunConfig, workers: number): number {
  const WORK = 1e10
  const each = Math.max(1, Math.round(WORK / flopsOf(config.model).train))
  return Math.min(config.train.slots, Math.max(1, workers) * each)
}
