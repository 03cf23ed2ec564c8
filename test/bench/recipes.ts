// Which recipe helps? Each against the baseline at equal FLOPs (recipes/budget.ts), on a task that a core learns in a minute, over
// some seeds: mean accuracy on unseen puzzles with its 95 % interval, and the difference paired by seed. Value: the mean, in percent; ratio: none.
// Small networks, short runs: what is seen here is a hint about large ones, no more. With many recipes one in forty helps by chance.
//   npm run bench -- recipes [--task NAME] [--only NAME,NAME] [--seeds N] [--threads N]
// What was measured before is not measured again (.trmesh/recipes.json).
import { join } from 'node:path'
import { ConfigError } from '../../shared/errors.js'
import { selectBackend } from '../../worker/backends/choose.js'
import type { BenchOptions, Report } from './benchmark.js'
import { Book, keyOf } from './recipes/book.js'
import { configOf, stepsWithin, trainingFlops } from './recipes/budget.js'
import { BASELINE, RECIPES, TASKS, type Recipe } from './recipes/table.js'
import { trial, type Outcome } from './recipes/trial.js'
import { difference, estimate, MOST_SEEDS, verdictOf, type Estimate } from './recipes/verdict.js'

const SEEDS = 3
const QUICK_STEPS = 4

export async function run(options: BenchOptions, report: Report): Promise<void> {
  const { note, quick, seeds = quick ? 1 : SEEDS, task: taskName = 'sudoku-6x6' } = options
  const task = TASKS[taskName]
  if (task === undefined) throw new ConfigError(`there is no task ${taskName}`, `take one of ${Object.keys(TASKS).join(', ')}`) // prettier-ignore
  if (seeds > MOST_SEEDS) throw new ConfigError(`--seeds ${seeds} is more than ${MOST_SEEDS}`, 'take fewer')
  const root = process.cwd()
  const { name, precision } = await selectBackend(options.backend, { root, threads: options.threads ?? 1 })
  const engine = `${name} ${precision}`
  const book = new Book<Outcome>(join(root, '.trmesh', 'recipes.json'))
  const baseSteps = quick ? QUICK_STEPS : task.steps
  const budget = trainingFlops(configOf(task, rowOf(BASELINE), baseSteps, 0))

  const stepsOf = (recipe: Recipe): number =>
    stepsWithin(budget, (steps) => trainingFlops(configOf(task, recipe, steps, 0)))
  const outcomes = async (recipe: Recipe): Promise<Outcome[]> => {
    const all: Outcome[] = []
    for (let seed = 0; seed < seeds; seed++) {
      const config = configOf(task, recipe, stepsOf(recipe), seed)
      const key = keyOf(config, engine)
      const what = `${taskName}, ${recipe.name}, ${config.train.steps} steps, seed ${seed}, ${engine}`
      let outcome = book.find(key)
      if (outcome === undefined) {
        const began = process.cpuUsage()
        outcome = await trial(config, root)
        const { user, system } = process.cpuUsage(began)
        book.add(key, what, outcome)
        const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
        const halting = outcome.halting === undefined ? '' : `, where they halt ${percent(outcome.halting)}`
        note(`${what}: ${outcome.diverged ? 'diverged' : `${percent(outcome.accuracy)} of ${outcome.rows}${halting}, loss ${outcome.loss.toFixed(3)}`} (${((user + system) / 1e6).toFixed(0)} s cpu)`) // prettier-ignore
      }
      all.push(outcome)
    }
    return all
  }
  for (const recipe of chosen(options.only)) {
    const all = await outcomes(recipe)
    const ours = all.map(percentRight)
    const halting = all.flatMap((one) => (one.halting === undefined ? [] : [100 * one.halting]))
    const { mean, ...interval } = estimate(ours)
    const rival = recipe.name === BASELINE ? undefined : (recipe.against ?? BASELINE)
    const apart = rival === undefined ? undefined : difference(ours, (await outcomes(rowOf(rival))).map(percentRight))
    const steps = stepsOf(recipe)
    report({
      config: `${taskName}, ${steps} steps: ${recipe.name}`,
      value: mean,
      unit: '%',
      ratio: null,
      remark: [rangeOf({ mean, ...interval }), halting.length < seeds ? '' : `halting ${estimate(halting).mean.toFixed(1)} %`, apart === undefined ? '' : `${spoken(apart)} against ${rival}: ${verdictOf(apart)}`, differs(recipe, steps)].join('  '), // prettier-ignore
      more: { recipe: recipe.name, steps, seeds, accuracies: ours, halting, ...interval, difference: apart },
    })
  }
}

const percentRight = ({ accuracy }: Outcome): number => 100 * accuracy

function rowOf(name: string): Recipe {
  const recipe = RECIPES.find((one) => one.name === name)
  if (recipe === undefined)
    throw new ConfigError(`there is no recipe ${name}`, `take of ${RECIPES.map((one) => one.name).join(', ')}`)
  return recipe
}

const chosen = (only: string | undefined): readonly Recipe[] =>
  only === undefined ? RECIPES : only.split(',').map((name) => rowOf(name.trim()))

const rangeOf = ({ low, high }: Estimate): string =>
  Number.isFinite(low) ? `(${low.toFixed(1)} to ${high.toFixed(1)})` : '(one seed)'

const spoken = (apart: Estimate): string => `${apart.mean >= 0 ? '+' : ''}${apart.mean.toFixed(1)} ${rangeOf(apart)}`

function differs({ flags }: Recipe, steps: number): string {
  const own = Object.entries(typeof flags === 'function' ? flags(steps) : flags)
  return own.map(([key, value]) => `${key.replace(/^(model|train)\./, '')} ${value}`).join(', ')
}
