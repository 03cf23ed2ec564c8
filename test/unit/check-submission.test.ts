// The judge of answer sheets: every fault is named, a whole sheet is scored as ARC Prize does, and our own sheets pass it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IDENTITY } from '../../shared/arc/augment.js'
import { checkSubmission, type AskedTask } from '../../shared/arc/check-submission.js'
import { gridOf } from '../../shared/arc/grid.js'
import { submission } from '../../shared/arc/submission.js'
import type { Task } from '../../shared/arc/task.js'
import { encode } from '../../shared/arc/tokens.js'
import { Votes } from '../../shared/arc/vote.js'

const [ONE, TWO, WIDE] = [gridOf([[1]]), gridOf([[2]]), gridOf([[3, 4]])]
const ASKED: readonly AskedTask[] = [
  { task: '00000007', solutions: [ONE, WIDE] },
  { task: 'b', solutions: [TWO] },
  { task: 'secret', solutions: [undefined] },
]
const both = (grid: unknown, other: unknown = [[0]]): object => ({ attempt_1: other, attempt_2: grid })

test('a whole sheet has no fault, and is scored by tasks', () => {
  const sheet = { '00000007': [both([[1]]), both([[3, 5]])], b: [both([[2]])], secret: [both([[9]])] }
  const { problems, score } = checkSubmission(JSON.stringify(sheet), ASKED)
  assert.deepEqual(problems, [])
  assert.deepEqual(score, { score: 0.75, tasks: 2, solved: 2, inputs: 3 })
})

test('every fault is named, and what can be read is still scored', () => {
  const grids: [unknown, RegExp][] = [
    [[[1, 2], [3]], /test input 1 attempt_2 row 2 has 1 columns where row 1 has 2/],
    [[[10]], /attempt_2 row 1 column 1 is 10, not a colour/],
    [[['1']], /attempt_2 row 1 column 1 is "1", not a colour/],
    [[[1.5]], /is 1.5, not a colour/],
    [[], /attempt_2 has no rows/],
    [Array.from({ length: 31 }, () => [0]), /attempt_2 has 31 rows, more than 30/],
    [[Array.from({ length: 31 }, () => 0)], /31 columns, more than 30/],
    ['11', /attempt_2 is not a list of rows/],
  ]
  for (const [grid, message] of grids) {
    const sheet = { '00000007': [both([[1]]), both([[3, 4]])], b: [both(grid)], secret: [both([[9]])] }
    const { problems, score } = checkSubmission(JSON.stringify(sheet), ASKED)
    assert.equal(problems.length, 1, problems.join())
    assert.match(problems[0] ?? '', message)
    assert.equal(score?.score, 0.5)
  }
  const sheet = {
    '00000007': [both([[1]])],
    b: [{ attempt_1: [[1]], attempt_3: [[2]] }],
    other: [both([[1]])],
  }
  const text = JSON.stringify(sheet).replace(/}$/, ',"b":[[]]}')
  assert.deepEqual(checkSubmission(text, ASKED).problems, [
    'task other is not one of the 3 tasks of the set',
    'task b stands there twice',
    'task 00000007 has 1 answers for 2 test inputs',
    'task b test input 1 is not an object with two attempts but a list of 0',
    'task secret is missing',
  ])
  assert.deepEqual(checkSubmission(JSON.stringify({ ...sheet, secret: 5 }), ASKED).problems.slice(2), [
    'task b test input 1 has "attempt_3", which nobody asks for',
    'task b test input 1 has no attempt_2',
    'task secret is not a list of answers but a number',
  ])
  for (const [broken, message] of [
    ['{"a": [', /^not JSON/],
    ['[]', /^not an object of tasks/],
  ] as const)
    // prettier-ignore
    assert.match(checkSubmission(broken, ASKED).problems.join(), message)
})

test('a sheet of very many tasks takes no longer than it is long', () => {
  const names = Array.from({ length: 200_000 }, (_, i) => `"t${i}":[]`)
  const start = performance.now()
  const { problems } = checkSubmission(`{${names.join(',')},"t7":[]}`, ASKED)
  assert.ok(problems.includes('task t7 stands there twice'))
  // Comparing every pair of names took half a minute.
  assert.ok(performance.now() - start < 10_000)
})

test('our own sheet passes, also where nothing was predicted or a task was not evaluated', () => {
  const test = (input: typeof ONE): Task['pairs'][number] => ({ split: 'test', input, output: undefined })
  const task: Task = { name: '00000007', pairs: [test(ONE), test(TWO)] }
  const votes = new Votes([{ task, pairs: [0, 1] }], 6)
  votes.add(task.name, IDENTITY, encode(TWO, 6), encode(WIDE, 6), 0)
  const tasks = ASKED.map(({ task: name, solutions }) => ({ task: name, inputs: solutions.length }))
  const sheet = submission(votes.score(), tasks)
  assert.deepEqual(sheet['00000007']?.[1], { attempt_1: [[3, 4]], attempt_2: [[3, 4]] })
  assert.deepEqual(sheet['secret'], [{ attempt_1: [[0]], attempt_2: [[0]] }])
  const { problems, score } = checkSubmission(JSON.stringify(sheet), ASKED)
  assert.deepEqual(problems, [])
  assert.equal(score?.solved, 1)
})
