// The clock that jumps and the disk that is slow, as a process sees them: without this the campaign could inflict nothing.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'node:test'
import { temporaryFolder } from '../helpers/cluster.js'
import type { WorldChange } from './world.js'

const WORLD = pathToFileURL(join(import.meta.dirname, 'world.js')).href

/** Answers every word with what its clocks say, and how long its disk took. */
const PROGRAM = `
import { appendFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
const [path] = process.argv.slice(-1)
process.on('message', async () => {
  const began = performance.now()
  const file = await open(path, 'w')
  await file.writeFile('x')
  await file.sync()
  await file.close()
  const wrote = performance.now()
  appendFileSync(path, 'y')
  const told = { wall: Date.now(), made: new Date().getTime(), given: new Date(5).getTime(), monotonic: began, durable: wrote - began, append: performance.now() - wrote }
  process.send(told)
})
process.send('ready')
setTimeout(() => process.exit(1), 20000)
`

interface Told {
  readonly wall: number
  readonly made: number
  readonly given: number
  readonly monotonic: number
  readonly durable: number
  readonly append: number
}

test('a word makes the wall clock jump and the disk slow, and nothing else', async (t) => {
  const path = join(temporaryFolder(t), 'file')
  const child = spawn(process.execPath, ['--import', WORLD, '--input-type=module', '--eval', PROGRAM, '--', path], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  t.after(() => child.kill('SIGKILL'))
  assert.deepEqual(await once(child, 'message').then(([first]: unknown[]) => first), 'ready')
  const ask = async (change: WorldChange): Promise<Told> => {
    const answer = once(child, 'message')
    child.send(change)
    const [told] = (await answer) as [Told]
    return told
  }
  const before = await ask({})
  assert.ok(Math.abs(before.wall - Date.now()) < 10_000)
  const after = await ask({ jump: -3_600_000, slowFor: 60_000 })
  for (const wall of [after.wall, after.made])
    assert.ok(Math.abs(wall - Date.now() + 3_600_000) < 10_000, `${wall}, an hour back`)
  assert.equal(after.given, 5)
  assert.ok(after.monotonic > before.monotonic && after.monotonic - before.monotonic < 20_000)
  // A write and a sync, and an append: 150 ms each, less what a timer may be early.
  assert.ok(after.durable >= 290, `${after.durable} ms`)
  assert.ok(after.append >= 145, `${after.append} ms`)
})
