// What a bundle is made of: an answer sheet that only gets better, an order that asks everything once first, packages that
// hold all that the code imports, and a model that keeps nothing of the tasks it learned.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import { breadthFirst } from '../../coordinator/evaluate/live-answers.js'
import { closureOf, filesOf, RUNTIME } from '../../deploy/bundle/packages.js'
import {
  answersText,
  counted,
  merged,
  noAnswers,
  parseAnswers,
  sheetText,
  type Answers,
} from '../../shared/arc/answers.js'
import { checkSubmission } from '../../shared/arc/check-submission.js'
import { madeUpRows } from '../helpers/study.js'

const answer = (cell: number, votes: number): { attempt_1: number[][]; attempt_2: number[][]; votes: number } => ({
  attempt_1: [[cell]],
  attempt_2: [[cell, cell]],
  votes,
})
const CHALLENGES = '{"b": {"train": [], "test": [{}, {}]}, "10": {"test": [{"input": "no grid"}]}, "odd": 3}'

test('the first sheet names every task and input in the order of the file, whatever is in them', () => {
  const text = sheetText(noAnswers(CHALLENGES))
  assert.ok(text.indexOf('"b"') < text.indexOf('"10"'))
  const asked = [{ task: 'b', solutions: [undefined, undefined] }, { task: '10', solutions: [undefined] }, { task: 'odd', solutions: [] }] // prettier-ignore
  assert.deepEqual(checkSubmission(text, asked).problems, [])
  assert.deepEqual(counted(noAnswers(CHALLENGES)), { inputs: 3, answered: 0, votes: 0 })
  assert.throws(() => noAnswers('{"b": '), SyntaxError)
  assert.throws(() => noAnswers('[1]'), TypeError)
})

test('an answer gives way to one with as many votes, not to one with fewer; strangers are left out', () => {
  const found = new Map([['b', [answer(1, 5), null]], ['x', [answer(9, 9)]]]) // prettier-ignore
  const sheet = merged(noAnswers(CHALLENGES), found)
  assert.deepEqual(sheet.get('b'), [answer(1, 5), null])
  assert.ok(!sheet.has('x'))
  assert.deepEqual(merged(sheet, new Map([['b', [answer(2, 4), answer(3, 1)]]])).get('b'), [answer(1, 5), answer(3, 1)])
  assert.deepEqual(merged(sheet, new Map([['b', [answer(2, 5)]]])).get('b'), [answer(2, 5), null])
})

test('whatever is merged in whatever order, the sheet stays valid and never loses votes; answers survive their file', () => {
  const some = fc.array(fc.option(fc.tuple(fc.nat(9), fc.nat(20)).map(([cell, votes]) => answer(cell, votes))), { maxLength: 4 }) // prettier-ignore
  const found = fc.dictionary(fc.constantFrom('b', '10', 'odd', 'x'), some).map((tasks): Answers => new Map(Object.entries(tasks))) // prettier-ignore
  const asked = [{ task: 'b', solutions: [undefined, undefined] }, { task: '10', solutions: [undefined] }, { task: 'odd', solutions: [] }] // prettier-ignore
  fc.assert(
    fc.property(fc.array(found), (all) => {
      let sheet = noAnswers(CHALLENGES)
      for (const each of all) {
        const before = counted(sheet)
        sheet = merged(sheet, parseAnswers(answersText(each))!)
        assert.ok(counted(sheet).votes >= before.votes && counted(sheet).answered >= before.answered)
        assert.deepEqual(checkSubmission(sheetText(sheet), asked).problems, [])
      }
    }),
  )
  assert.equal(parseAnswers('{"kind": "trm'), undefined)
  assert.equal(parseAnswers('{}'), undefined)
})

test('breadth first: every input once before any comes again, and every row once', () => {
  const evaluation = madeUpRows()
  const order = [...breadthFirst(evaluation)]
  assert.deepEqual([...order].sort((a, b) => a - b), [...order.keys()]) // prettier-ignore
  const inputs = evaluation.parts.reduce((sum, { pairs }) => sum + pairs.length, 0)
  const first = order.slice(0, inputs).map((index) => evaluation.row(index))
  assert.equal(new Set(first.map(({ task, pair }) => `${task}/${pair}`)).size, inputs)
})

test('the packages of a bundle hold everything that its code imports, and no types, maps or browser builds', () => {
  const folders = closureOf(process.cwd(), RUNTIME)
  const names = new Set(folders.map((folder) => folder.replace(/^.*node_modules\//, '')))
  const files = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory()
        ? files(join(folder, entry.name))
        : entry.name.endsWith('.ts')
          ? [join(folder, entry.name)]
          : [],
    )
  let seen = 0
  for (const file of ['coordinator', 'deploy', 'shared', 'worker'].flatMap(files)) {
    for (const [, name] of readFileSync(file, 'utf8').matchAll(
      /(?:^import (?!type )[^;]*?from |import\()'((?:@[\w-]+\/)?[a-z][\w-]*)['/]/gm,
    )) {
      assert.ok(names.has(name!), `${file} imports ${name}`)
      seen++
    }
  }
  assert.ok(seen > 20)
  for (const folder of folders) {
    const kept = filesOf(process.cwd(), folder)
    assert.ok(kept.includes('package.json'), folder)
    const { main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { main?: string }
    if (main !== undefined && existsSync(join(folder, main))) assert.ok(kept.includes(join(main)), `${folder}: ${main}`)
    assert.ok(!kept.some((path) => /\.(map|d\.ts)$/.test(path)), folder)
  }
})
