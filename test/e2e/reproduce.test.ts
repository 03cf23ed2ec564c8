// `trmesh reproduce` as a user runs it, made tiny by flags: the cost first, a stop and a kill in the middle, the same command goes
// on, and the table at the end, on the terminal and in the report of every run. What cannot be done is said in one line.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { parseReproduction } from '../../coordinator/reproduce/record.js'
import { lastStep, temporaryFolder, trmesh, until, withoutNats, type Process } from '../helpers/cluster.js'

const options = { skip: withoutNats, timeout: 240_000 }
const NAME = 'reproduce-maze'

const TINY =
  '--data generated --canvas 5 --data.generatedMinDifficulty 4 --data.generatedTasksPerFamily 4 --data.generatedTestBoards 4 ' +
  '--model.hidden 16 --model.heads 2 --model.puzzleEmbDim 16 --model.expansion 1 --model.haltMaxSteps 2 --model.lCycles 1 ' +
  '--slots 4 --checkpoint.everySteps 2 --evaluate.everySteps 0'

const reproduce = (t: TestContext, dir: string, steps: number, ...more: string[]): Process =>
  trmesh(t, [
    ...['reproduce', 'maze', '--workers', '1', '--threads', '1', '--backend', 'wasm', '--run.dir', dir],
    ...[...TINY.split(' '), '--steps', String(steps), ...more],
  ])

test('a recipe: estimate, stop, kill, resume, table', options, async (t) => {
  const dir = temporaryFolder(t)
  const folder = join(dir, NAME)
  const only = reproduce(t, dir, 6, '--estimate', '--price', '2', '--watts', '100')
  assert.equal(await only.ended, 0, only.said())
  assert.match(
    only.said(),
    /TRM-Att: 6 steps of 4 samples, .* s each, .*; 1 evaluation \(test rows: 4\).*measured now: /,
  )
  assert.match(
    only.said(),
    /estimate: .* on 1 device, .* kWh at 100 W a device, cost .* at 2 a device and hour \(modelled/,
  )
  assert.ok(!existsSync(folder), 'nothing was trained')

  const rate = ['--rate', '1000']
  const stopped = reproduce(t, dir, 100_000, ...rate)
  await until(() => stopped.said(), () => lastStep(folder) >= 3, 60_000) // prettier-ignore
  stopped.kill('SIGINT')
  assert.equal(await stopped.ended, 0, stopped.said())
  assert.match(stopped.said(), /not done yet: the same command goes on from here/)
  const before = lastStep(folder)

  const killed = reproduce(t, dir, 100_000, ...rate)
  await until(() => killed.said(), () => lastStep(folder) >= before + 5, 60_000) // prettier-ignore
  killed.kill('SIGKILL')
  await killed.ended
  assert.match(killed.said(), new RegExp(`resuming from step ${before}`))

  const steps = lastStep(folder) + 2
  const done = reproduce(t, dir, steps, ...rate)
  assert.equal(await done.ended, 0, done.said())
  assert.match(done.said(), /given: 1000 samples\/s/)
  assert.match(done.said(), /resuming from step/)
  assert.match(done.said(), /data: maze generated here .*, ratings \d+ to \d+, median \d+ \(moves/)
  assert.match(
    done.said(),
    /TRM-Att +│ 85\.3 % \[1\] │ - +│ \d+\.\d % +│ \d+\.\d % to \d+\.\d %, n = 4 │ \d+, see below/,
  )
  const file = join(folder, 'reproduction.json')
  const { rows } = parseReproduction(readFileSync(file, 'utf8'), file)
  assert.deepEqual(rows.map(({ step, asPublished }) => [step, asPublished]), [[steps, null]]) // prettier-ignore
  assert.ok(rows[0]?.differs.includes('data.source (maze-hard; here generated)'))
  assert.match(readFileSync(join(folder, 'report.html'), 'utf8'), /Reproduction: maze/)

  const again = reproduce(t, dir, steps)
  assert.equal(await again.ended, 0, again.said())
  assert.match(again.said(), new RegExp(`TRM-Att: its ${steps} steps are done`))
  assert.doesNotMatch(again.said(), /measuring|nats-server/)
  assert.doesNotMatch(again.said(), /\n\s+at .*:\d+:\d+/)
})

test('what cannot be done is said in one line with a remedy', options, async (t) => {
  const says = async (args: string[], status: number, words: RegExp): Promise<void> => {
    const program = trmesh(t, ['reproduce', ...args])
    assert.equal(await program.ended, status, program.said())
    assert.match(program.said(), words)
    assert.doesNotMatch(program.said(), /\n\s+at .*:\d+:\d+/)
  }
  const dir = temporaryFolder(t)
  await says(
    [],
    0,
    /sudoku-mlp +the official recipe of TRM-MLP on sudoku-extreme\n.*\n.*\n.*\n.*\nsudoku-small +for a laptop/,
  )
  await says(['sudoku'], 2, /there is no recipe sudoku\n {2}-> choose one of sudoku-mlp, /)
  await says(['arc1', '--nats', 'nats://127.0.0.1:1'], 2, /workers elsewhere cannot be measured.*\n {2}-> .*--rate/)
  await says(['maze', '--rate', '0'], 2, /--rate/)
  await says(['sudoku-small', '--run.id', 'x'], 2, /unknown option/)
  const absent = ['--data', join(dir, 'none'), '--run.dir', dir, '--rate', '1', '--workers', '1', '--backend', 'wasm']
  await says(['sudoku-mlp', ...absent], 3, /there is no .*train\.csv\n {2}-> .*--data generated/)
})
