// What `trmesh reproduce` can do: the official runs, and one that a laptop can do. A recipe is one or more runs (arms), each with
// the figure that others reported for it, if any.
import { ACCURACY } from '../../shared/baselines/accuracy.js'
import type { Baseline, TestSet } from '../../shared/baselines/baseline.js'
import type { PresetName } from '../../shared/config/schema.js'
import { ConfigError } from '../../shared/errors.js'

/** A published figure, as printed, in percent. */
export interface ReportedFigure {
  readonly figure: string
  readonly what: string
  readonly source: string
  readonly grade: string
}

export interface Arm {
  /** Part of the run's name, where there are several. */
  readonly id: string
  readonly what: string
  /** A configuration file in JSON; flags and variables may overrule it. */
  readonly settings: object
  /** The preset that is the published run; undefined: nobody published its settings. */
  readonly official: PresetName | undefined
  readonly reported: ReportedFigure
}

export interface Recipe {
  readonly name: string
  readonly title: string
  /** The claim that its arms check. */
  readonly claim: string
  /** The accuracy that is compared. */
  readonly measure: 'exact' | 'pass@2'
  readonly arms: readonly Arm[]
}

function reported(id: keyof typeof ACCURACY, set: TestSet, measure: Recipe['measure']): ReportedFigure {
  const { model, accuracy, source, grade }: Baseline = ACCURACY[id]
  return { figure: accuracy?.[set] ?? '', what: `${model}, ${set}, ${measure}`, source, grade }
}

const official = (preset: PresetName, model: string, id: keyof typeof ACCURACY, set: TestSet): Recipe => {
  const measure = set.startsWith('arc') ? 'pass@2' : 'exact'
  return {
    name: preset,
    title: `the official recipe of ${model} on ${set}`,
    claim: `${model} reaches the accuracy that its author reports`,
    measure,
    arms: [{ id: '', what: model, settings: { preset }, official: preset, reported: reported(id, set, measure) }],
  }
}

/** Optimizer steps of each arm of the small one: what it took is in test/bench/LOG.md. */
const SMALL_STEPS = 500

/** 6 x 6 Sudokus with half of the cells empty: as many as the official training set, shuffled as there; 64 wide. Muon for every network, as it learns faster. */
const small = (model: object): object => ({
  preset: 'sudoku-6x6',
  model: { hCycles: 2, lCycles: 2, haltMaxSteps: 8, ...model },
  data: {
    generatedFamilies: 1,
    generatedTasksPerFamily: 1000,
    generatedTestBoards: 1000,
    augmentations: 1000,
  },
  train: { steps: SMALL_STEPS, minutes: 0, optimizer: 'muon' },
  evaluate: { everySteps: SMALL_STEPS / 2 },
})

const ON_EXTREME = ['sudoku-extreme', 'exact'] as const

export const RECIPES: readonly Recipe[] = [
  official('sudoku-mlp', 'TRM-MLP', 'trm-mlp', 'sudoku-extreme'),
  official('sudoku-att', 'TRM-Att', 'trm-att', 'sudoku-extreme'),
  official('maze', 'TRM-Att', 'trm-att', 'maze-hard'),
  official('arc1', 'TRM-Att', 'trm-att', 'arc-agi-1'),
  official('arc2', 'TRM-Att', 'trm-att', 'arc-agi-2'),
  {
    name: 'sudoku-small',
    title:
      'for a laptop: 6 x 6 Sudokus made here, the official recipe in miniature (64 wide, T = 2, n = 2, 8 supervision steps)',
    claim:
      'on Sudoku, recursion with deep supervision beats one pass of a network with four times the layers and as many FLOPs a step; and the MLP mixer beats attention',
    measure: 'exact',
    arms: [
      {
        id: 'mlp',
        what: 'TRM-MLP: 2 layers, recursion',
        settings: small({}),
        official: 'sudoku-mlp',
        reported: reported('trm-mlp', ...ON_EXTREME),
      },
      {
        id: 'att',
        what: 'TRM-Att: 2 layers, recursion (0.7 times the FLOPs)',
        settings: small({ mixer: 'attention', positions: 'rope' }),
        official: 'sudoku-att',
        reported: reported('trm-att', ...ON_EXTREME),
      },
      {
        id: 'direct',
        what: 'direct prediction: 8 layers, one pass',
        // As many FLOPs a step: 6 calls of 2 layers, 3 of them graded, cost as much as 8 layers that are all graded.
        settings: small({ states: 'answer', hCycles: 1, lCycles: 0, haltMaxSteps: 1, layers: 8 }),
        official: undefined,
        reported: reported('direct-prediction', ...ON_EXTREME),
      },
    ],
  },
]

/** @throws ConfigError naming those there are */
export function recipeNamed(name: string): Recipe {
  const found = RECIPES.find((recipe) => recipe.name === name)
  if (found !== undefined) return found
  throw new ConfigError(
    `there is no recipe ${name}`,
    `choose one of ${RECIPES.map((recipe) => recipe.name).join(', ')}`,
  )
}

/** Name of an arm's run. */
export const runOf = (recipe: Recipe, arm: Arm): string =>
  `reproduce-${recipe.name}${arm.id === '' ? '' : `-${arm.id}`}`
