// Kaggle's two files: the answers of every task asked for, or of none.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readFolder } from '../../coordinator/data/folder.js'
import { DataError } from '../../shared/errors.js'
import { folderOf } from '../helpers/checkpoints.js'

test('a solutions file that lacks a task is refused by name; without the file all answers are unknown', async (t) => {
  const folder = folderOf(t)
  const task = { train: [{ input: [[1]], output: [[2]] }], test: [{ input: [[3]] }] }
  const write = (file: string, content: object): void =>
    writeFileSync(join(folder, `arc-agi_evaluation_${file}.json`), JSON.stringify(content))
  write('challenges', { a: task, b: task })
  write('solutions', { a: [[[4]]] })
  await assert.rejects(
    readFolder(folder),
    (error) =>
      error instanceof DataError &&
      /arc-agi_evaluation_solutions\.json lacks 1 of the 2 tasks of .*challenges\.json, the first is b/.test(
        error.message,
      ) &&
      /complete it/.test(error.remedy),
  )
  const known = async (): Promise<boolean[]> =>
    (await readFolder(folder)).subsets.flatMap(({ tasks }) =>
      tasks.flatMap(({ pairs }) =>
        pairs.filter(({ split }) => split === 'test').map(({ output }) => output !== undefined),
      ),
    )
  write('solutions', { a: [[[4]]], b: [[[5]]], c: [[[6]]] })
  assert.deepEqual(await known(), [true, true])
  rmSync(join(folder, 'arc-agi_evaluation_solutions.json'))
  assert.deepEqual(await known(), [false, false])
})
