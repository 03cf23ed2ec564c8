// The comparison of recipes: its intervals, its budgets, and that a trial is a function of its configuration.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { selectBackend } from '../../worker/backends/choose.js'
import { Book, keyOf } from '../bench/recipes/book.js'
import { configOf, stepsWithin, trainingFlops } from '../bench/recipes/budget.js'
import { BASELINE, RECIPES, TASKS, type Task } from '../bench/recipes/table.js'
import { trial } from '../bench/recipes/trial.js'
import { difference, estimate, verdictOf } from '../bench/recipes/verdict.js'

test('an interval by Student: worked out by hand, infinite where one value tells nothing', () => {
  // Mean 4, standard deviation 2, of three: 4 +- 4.303 x 2 / sqrt(3).
  const { mean, low, high } = estimate([2, 4, 6])
  assert.equal(mean, 4)
  assert.ok(Math.abs(low - (4 - 4.96868)) < 1e-3 && Math.abs(high - (4 + 4.96868)) < 1e-3, `${low} ${high}`)
  assert.equal(estimate([7]).low, -Infinity)
  assert.throws(() => estimate([]), /0 values/)
})

test('pairs: what seeds have in common does not count', () => {
  const apart = difference([50, 70, 92], [48, 68, 89])
  assert.ok(Math.abs(apart.mean - 7 / 3) < 1e-12)
  assert.equal(verdictOf(apart), 'helped')
  assert.equal(verdictOf(difference([48, 68, 89], [50, 70, 92])), 'hurt')
  assert.equal(verdictOf(difference([50, 70], [48, 78])), 'no difference seen')
  assert.throws(() => difference([1, 2], [1]), /no pairs/)
})

test('the budget: the most steps within it', () => {
  for (const budget of [1000, 1499, 99_999]) {
    const steps = stepsWithin(budget, (n) => 7 * n + n * n * 0.001)
    assert.ok(7 * steps + steps * steps * 0.001 <= budget)
    assert.ok(7 * (steps + 1) + (steps + 1) ** 2 * 0.001 > budget)
  }
})

test('every row names settings that compile, costs what the baseline costs, and is compared with a row there is', () => {
  const task = TASKS['sudoku-6x6']!
  const names = RECIPES.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  const budget = trainingFlops(configOf(task, RECIPES[0]!, task.steps, 0))
  for (const recipe of RECIPES) {
    const flops = (steps: number): number => trainingFlops(configOf(task, recipe, steps, 0))
    const steps = stepsWithin(budget, flops)
    assert.ok(flops(steps) <= budget && flops(steps) > 0.95 * budget, `${recipe.name}: ${steps} steps`)
    assert.ok(names.includes(recipe.against ?? BASELINE), recipe.name)
  }
})

test('a trial is a function of its configuration, and its outcome is found again', async (t) => {
  await selectBackend('wasm', { root: process.cwd() })
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const size = { 'data.generatedTasksPerFamily': '2', 'train.slots': '4' }
  const flags = { ...size, 'train.minutes': '0', 'model.hidden': '16', 'model.puzzleEmbDim': '16' }
  const task: Task = { preset: 'sudoku-4x4', flags, steps: 3 }
  const config = configOf(task, RECIPES[0]!, 3, 1)
  const outcome = await trial(config, folder)
  assert.deepEqual(await trial(config, folder), outcome)
  assert.equal(outcome.rows, 10)
  assert.ok(outcome.loss > 0 && outcome.cells > 0)
  assert.notEqual((await trial(configOf(task, RECIPES[0]!, 3, 2), folder)).loss, outcome.loss)

  const path = join(folder, 'recipes.json')
  new Book(path).add(keyOf(config, 'wasm'), 'a', outcome)
  new Book(path).add('other', 'b', outcome)
  assert.deepEqual(new Book(path).find(keyOf(config, 'wasm')), { what: 'a', ...outcome })
  assert.equal(new Book(path).find(keyOf(config, 'native')), undefined)
  assert.ok(existsSync(path))
})
