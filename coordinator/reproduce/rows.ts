// The rows of a reproduction: each run's accuracy, and everything in which it differs from the published run. Pure.
import { identityDifferences, identityOf } from '../../shared/config/identity.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { EvaluationRecord } from '../evaluate/record.js'
import type { Arm, Recipe } from './recipes.js'
import type { Reproduction, ReproductionRow } from './record.js'

/** What every run of ours differs in, even where no setting does. */
export const ALWAYS =
  'Even where nothing differs: other random numbers than the published code, and one run, whose seed is in no interval. Three to five points between runs mean nothing.'

/** Settings of generated tasks, and of an order that is not used, say nothing about a run that differs in the source already. */
const UNTOLD = /^data\.(generated\w+|chunkEpochs) /

/** In which settings `config` differs from the published run, and in what else. */
export function differences(
  config: RunConfig,
  published: RunConfig | undefined,
  { step, asked, workers }: Pick<EvaluationRecord, 'step' | 'asked' | 'workers'>,
): string[] {
  if (published === undefined)
    return [
      `everything (no settings of it are published; here ${config.data.source} data, ${config.model.hidden} wide)`,
    ]
  const settings = identityDifferences(identityOf(published), identityOf(config))
    .filter((text) => !UNTOLD.test(text))
    .map((text) => text.replaceAll('"', '').replace(', here ', '; here '))
  const coarse = workers.some(({ precision }) => precision === 'f32') ? ['precision (bf16; here f32)'] : []
  return [
    ...settings,
    ...(step === published.train.steps ? [] : [`steps (${published.train.steps}; here ${step})`]),
    ...(asked.maxPairs === 0 ? [] : [`test set (all; here ${asked.maxPairs} pairs)`]),
    ...(asked.augmentations === published.evaluate.augmentations || config.data.kind !== 'arc'
      ? []
      : [`votes (${published.evaluate.augmentations} augmentations; here ${asked.augmentations})`]),
    ...coarse,
  ]
}

export function rowOf(
  arm: Arm,
  measure: Recipe['measure'],
  config: RunConfig,
  published: RunConfig | undefined,
  evaluation: EvaluationRecord,
): ReproductionRow {
  const found = evaluation.accuracies.find(({ name }) => name === measure)
  const measured = found && { value: found.value, low: found.low, high: found.high, trials: found.trials }
  const differs = differences(config, published, evaluation)
  // In f32 the numbers are finer than published; whoever computes so still runs that recipe.
  const same = differs.every((text) => text.startsWith('precision'))
  const workers = new Map<string, number>()
  for (const { backend, precision, device } of evaluation.workers) {
    const what = `${backend}, ${precision}, ${device}`
    workers.set(what, (workers.get(what) ?? 0) + 1)
  }
  return {
    what: arm.what,
    reported: arm.reported,
    asPublished: same ? (measured ?? null) : null,
    otherwise: same ? null : (measured ?? null),
    differs,
    run: evaluation.run,
    step: evaluation.step,
    created: evaluation.created,
    data: evaluation.data.description,
    workers: [...workers].map(([what, count]) => `${count} x ${what}`).join('; '),
  }
}

export const reproductionOf = (recipe: Recipe, rows: readonly ReproductionRow[]): Reproduction => ({
  ...{ recipe: recipe.name, title: recipe.title, claim: recipe.claim, measure: recipe.measure },
  rows: [...rows],
})
