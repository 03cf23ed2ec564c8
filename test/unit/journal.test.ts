// The journal of a run: one line per step, also those that a disk without room refused for a while.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseJournal } from '../../coordinator/report/curves.js'
import { journal, JOURNAL_FILE } from '../../coordinator/report/journal.js'
import { stepOf } from '../../shared/ids.js'
import { folderOf } from '../helpers/checkpoints.js'

test('lines that cannot be written are written as soon as they can be, and the trouble is told once', (t) => {
  const folder = folderOf(t)
  const path = join(folder, JOURNAL_FILE)
  const told: unknown[] = []
  const lines = journal(
    folder,
    8,
    () => '2026-01-01T00:00:00Z',
    (error) => told.push(error),
  )
  const result = { score: 0.5, accuracies: {}, early: undefined } as unknown as Parameters<typeof lines.evaluated>[1]
  const evaluated = (step: number): void => lines.evaluated(stepOf(step), result)
  mkdirSync(path) // nothing can be appended to a folder
  evaluated(1)
  evaluated(2)
  assert.equal(told.length, 1)
  rmdirSync(path)
  evaluated(3)
  evaluated(4)
  assert.equal(told.length, 1)
  const { evaluations, unreadable } = parseJournal(readFileSync(path, 'utf8'))
  assert.equal(evaluations.length, 4)
  assert.equal(unreadable, 0)
})
