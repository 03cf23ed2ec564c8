// The settings of a run that adds new tasks to a trained model: those of the model's own run, but for what must differ.
// What worked for those who tried it (spec 9.4): a quarter of the steps on the new rows alone, then everything; 12,500 steps.

/** Settings by section, as a checkpoint holds them. */
export type SettingsTree = Readonly<Record<string, unknown>>

export interface Adaptation {
  /** Name and folder of the new run. */
  readonly run: { readonly id: string; readonly dir: string }
  /** The file of the new tasks. */
  readonly source: string
  /** Identifier of the first new puzzle. */
  readonly firstPuzzle: number
  /** Of training; undefined: no limit. */
  readonly minutes: number | undefined
}

/** Published: 12,500 steps, a quarter of them embeddings only (arXiv 2511.02886). */
const STEPS = 12_500
const FREEZE_DENSE = 0.25
/** Ours: the weights are trained already, so neither a long warm-up nor a long memory is of use. */
const WARMUP_STEPS = 50
const EMA_RATE = 0.99

const section = (tree: SettingsTree, name: string): Readonly<Record<string, unknown>> => {
  const found = tree[name]
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
}

const atMost = (value: unknown, limit: number): number => Math.min(typeof value === 'number' ? value : limit, limit)

/** A tree of settings for compileConfig; flags and variables may still overrule it. */
export function adaptedSettings(own: SettingsTree, { run, source, firstPuzzle, minutes }: Adaptation): SettingsTree {
  const train = section(own, 'train')
  return {
    ...own,
    run: { ...section(own, 'run'), ...run },
    data: { ...section(own, 'data'), source, firstPuzzle, sampler: 'slots' },
    train: {
      ...train,
      steps: STEPS,
      minutes: minutes ?? 0,
      freezeDense: FREEZE_DENSE,
      warmupSteps: atMost(train['warmupSteps'], WARMUP_STEPS),
      emaRate: atMost(train['emaRate'], EMA_RATE),
    },
    evaluate: { ...section(own, 'evaluate'), everySteps: 0, maxPairs: 0 },
  }
}
