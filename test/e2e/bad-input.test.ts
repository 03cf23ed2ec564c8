// What is wrong is said in one line with the remedy and a documented exit status, without a stack trace, before anything is lost.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  asArguments,
  natsFor,
  SMALL,
  temporaryFolder,
  train,
  trmesh,
  withoutNats,
  type Flags,
} from '../helpers/cluster.js'

const options = { timeout: 60_000 }
const needsNats = { skip: withoutNats, timeout: 90_000 }

async function refused(t: TestContext, args: readonly string[], status: number, ...words: RegExp[]): Promise<void> {
  const run = trmesh(t, args)
  const ended = await run.ended
  const said = run.said()
  assert.equal(ended, status, said)
  for (const word of words) assert.match(said, word)
  assert.match(said, /^trmesh: .+\n {2}-> .+/m, 'what is wrong, and what to do')
  assert.doesNotMatch(said, /\n\s+at |this is a bug/)
}

const coordinator = (flags: Flags): string[] => ['coordinator', ...asArguments({ ...SMALL, ...flags })]

/** A folder with one task file of this text. */
function tasks(t: TestContext, text: string): string {
  const folder = join(temporaryFolder(t), 'tasks')
  mkdirSync(folder)
  writeFileSync(join(folder, 'a1b2c3d4.json'), text)
  return folder
}

const pair = (grid: number[][]): string => JSON.stringify({ train: [{ input: grid, output: [[1]] }], test: [{ input: [[1]], output: [[1]] }] }) // prettier-ignore

test('a broken task file, a grid of 31 columns, a colour 10: the file is named', options, async (t) => {
  const flags = { 'run.dir': temporaryFolder(t) }
  for (const [text, words] of [
    ['{"train": [', /JSON/],
    [pair([Array.from({ length: 31 }, () => 0)]), /31/],
    [pair([[10]]), /10/],
  ] as const)
    await refused(t, coordinator({ ...flags, 'data.source': tasks(t, text) }), 3, /a1b2c3d4\.json/, words)
  await refused(t, coordinator({ ...flags, 'data.source': '/nowhere/at/all' }), 3, /\/nowhere\/at\/all/)
})

test('no NATS server, a wrong key, an unknown flag, a wrong value', options, async (t) => {
  const flags = { 'run.dir': temporaryFolder(t), 'bus.url': 'nats://127.0.0.1:1' }
  await refused(t, coordinator(flags), 5, /no NATS server at nats:\/\/127\.0\.0\.1:1/)
  await refused(t, ['worker', '--nats', 'nats://127.0.0.1:1', '--backend', 'wasm'], 5, /no NATS server/)
  const file = join(temporaryFolder(t), 'run.json')
  writeFileSync(file, '{"model": {"hiden": 64}}')
  await refused(t, ['coordinator', '--config', file], 2, /model\.hiden/, /model\.hidden/)
  await refused(t, coordinator({ ...flags, 'train.slots': 'many' }), 2, /train\.slots/)
  const unknown = trmesh(t, ['coordinator', '--speed', '9'])
  assert.equal(await unknown.ended, 2)
  assert.match(unknown.said(), /unknown option '--speed'/)
})

test('a metrics port in use is refused before a worker could join', needsNats, async (t) => {
  const { url } = await natsFor(t)
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const flags = { 'run.dir': temporaryFolder(t), 'bus.url': url, 'metrics.port': port }
  await refused(t, coordinator(flags), 9, new RegExp(`${port}`), /in use/)
})

test(
  'a checkpoint with a NaN in it is refused, though its hash is right; nothing of it changes',
  needsNats,
  async (t) => {
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const flags = { 'run.dir': dir, 'run.id': 'r', 'train.steps': 2 }
    const { folder } = await train(t, url, 1, flags)
    const dense = join(folder, 'step-00000002', 'dense.safetensors')
    const manifest = join(folder, 'step-00000002', 'manifest.json')
    const before = readFileSync(dense)
    copyFileSync(dense, join(dir, 'good'))
    const handle = openSync(dense, 'r+')
    writeSync(handle, Uint8Array.of(0, 0, 0xc0, 0x7f), 0, 4, before.length - 4)
    closeSync(handle)
    const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
    const after = readFileSync(dense)
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(hash(before), hash(after)))
    await refused(
      t,
      coordinator({ ...flags, 'bus.url': url }),
      6,
      /no checkpoint in .* can be used/,
      /NaN|finite/,
      /--fresh/,
    )
    assert.ok(readFileSync(dense).equals(after))
  },
)
