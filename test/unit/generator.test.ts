// The built-in tasks: every family on small and large canvases is deterministic, valid, consistent with one rule, and varied.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashGrid, sameGrid } from '../../shared/arc/grid.js'
import { FAMILIES, generateTask, generateTasks } from '../../shared/arc/generator/generate.js'
import { extent } from '../../shared/arc/task.js'
import { DataError } from '../../shared/errors.js'
import { rngFor, type Rng } from '../../shared/rng/counter.js'

const config = (canvas: number): Parameters<typeof generateTask>[2] => ({
  seed: 1,
  families: FAMILIES.length,
  tasksPerFamily: 3,
  canvas,
  trainPairs: 4,
  testPairs: 2,
})
const words = (family: number, task: number): Rng => rngFor(1, 'test', family, task)

test('there are many families, each with its own name', () => {
  assert.ok(FAMILIES.length >= 24)
  assert.equal(new Set(FAMILIES.map((family) => family.name)).size, FAMILIES.length)
})

for (const [f, family] of FAMILIES.entries())
  test(`${family.name}: one rule, unseen test pairs, any canvas`, () => {
    for (const canvas of [5, 6, 9, 30]) {
      const tasks = [0, 1, 2].map((i) => generateTask(family, i, config(canvas), words(f, i)))
      tasks.forEach((task, i) => {
        assert.deepEqual(generateTask(family, i, config(canvas), words(f, i)), task, 'deterministic')
        assert.equal(task.name, `${family.name}-${i}`)
        assert.deepEqual(
          task.pairs.map((pair) => pair.split),
          ['train', 'train', 'train', 'train', 'test', 'test'],
        )
        assert.ok(extent(task) <= canvas)
        const inputs = task.pairs.map((pair) => hashGrid(pair.input))
        assert.equal(new Set(inputs).size, inputs.length, 'no input twice: test pairs are unseen')
        const rule = family.rule(words(f, i), canvas)
        for (const { input, output } of task.pairs) {
          assert.ok(output !== undefined && input.cells.length > 0 && output.cells.length > 0)
          assert.equal(output.cells.length, output.rows * output.cols)
          assert.ok([...input.cells, ...output.cells].every((cell) => cell <= 9))
          const again = rule.solve(input)
          assert.ok(again !== undefined && sameGrid(again, output), 'the answer follows from the input alone')
          assert.ok(!sameGrid(input, output), 'the rule does something')
        }
        // One input takes part in the test: not all answers alike, or there would be nothing to learn.
        assert.ok(new Set(task.pairs.map((pair) => hashGrid(pair.output ?? pair.input))).size > 1, 'answers vary')
      })
      assert.equal(new Set(tasks.map((task) => hashGrid(task.pairs[0]?.input ?? assert.fail()))).size, 3, 'tasks vary')
    }
  })

test('a canvas or a number of families that cannot be is refused with the remedy', () => {
  assert.throws(() => generateTasks(config(4), words), DataError)
  assert.throws(() => generateTasks({ ...config(9), families: 99 }, words), DataError)
  assert.equal(generateTasks({ ...config(9), families: 2, tasksPerFamily: 3 }, words).length, 6)
})
