// The published Sudoku and maze files: rating, sample and order of the official build, hashes, and fetching them from a host that
// this test plays.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readBoardSplits } from '../../coordinator/data/board-dataset.js'
import { notePath } from '../../coordinator/data/board-sets.js'
import { readBoards } from '../../coordinator/data/csv.js'
import { fetchBoardSet } from '../../coordinator/data/download-boards.js'
import type { Fetching } from '../../coordinator/data/http.js'
import { compileConfig } from '../../shared/config/compile.js'
import { identityOf } from '../../shared/config/identity.js'
import type { RunError } from '../../shared/errors.js'
import { DataError, SystemRefused } from '../../shared/errors.js'
import { sha256 } from '../../shared/hash.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'

/** A board whose first cell tells its number. */
const line = (digit: number, rating: number | string): string =>
  `s,${digit}${'.'.repeat(80)},${String(digit).repeat(81)},${rating}`
const CSV = `source,question,answer,rating\n${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => line(digit, 10 * digit)).join('\n')}\n`
const HELD = `source,question,answer,rating\r\n${line(1, 5)}\r\n\r\n${line(2, 70)}\r\n`

let folder = ''
const put = async (name: string, files: Record<string, string>): Promise<string> => {
  await mkdir(join(folder, name), { recursive: true })
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, name, file), text)
  return join(folder, name)
}
const first = ({ questions, count }: { questions: Uint8Array; count: number }): number[] =>
  Array.from({ length: count }, (_, i) => questions[81 * i]!)

let server: Server
const commit = 'c0ffee'
let stated = true
let damaged = false
const asked: string[] = []
const fetching = (): Fetching => ({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, patience: 500 }) // prettier-ignore

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trmesh-boards-'))
  server = createServer((request, response) => {
    const [, path = '', file = ''] = /^(.*)\/(train\.csv|test\.csv)$/.exec(request.url ?? '') ?? []
    asked.push(`${request.method} ${path}`)
    const text = file === 'train.csv' ? CSV : HELD
    if (path === '/elsewhere') return void response.end(damaged ? text.slice(1) : text)
    if (!/^\/owner\/name\/resolve\/(main|c0ffee)$/.test(path)) return void response.writeHead(404).end()
    const headers = { location: `/elsewhere/${file}`, 'x-repo-commit': commit, ...(stated ? { 'x-linked-etag': `"${sha256(text)}"` } : {}) } // prettier-ignore
    response.writeHead(302, headers).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
})
after(async () => {
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  await rm(folder, { recursive: true })
})

test('rating and sample: those that are hard enough, in the order in which NumPy draws them', async () => {
  const path = await put('plain', { 'train.csv': CSV, 'test.csv': HELD })
  const all = await readBoards(path, 'train', 'sudoku')
  assert.deepEqual(
    [first(all), all.ratings],
    [
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
      [10, 20, 30, 40, 50, 60, 70, 80, 90],
    ],
  )
  assert.equal(all.sha256, sha256(CSV))
  assert.deepEqual(first(await readBoards(path, 'train', 'sudoku', { minDifficulty: 71 })), [8, 9])
  const drawn = await readBoards(path, 'train', 'sudoku', { subsample: 4, seed: 42, minDifficulty: 30 })
  // np.random.choice(7, 4, replace=False) is the beginning of permutation(7); row 0 is the board of 3.
  const order = new Mt19937(42).permutation(7).slice(0, 4)
  assert.deepEqual(first(drawn), order.map((row) => row + 3)) // prettier-ignore
  assert.deepEqual(drawn.ratings, order.map((row) => 10 * (row + 3))) // prettier-ignore
  assert.deepEqual(first(await readBoards(path, 'train', 'sudoku', { subsample: 9 })), first(all), 'not larger: all')
  const held = await readBoards(path, 'test', 'sudoku', { minDifficulty: 60 })
  assert.deepEqual([first(held), held.sha256], [[2], sha256(HELD)])
  await assert.rejects(readBoards(path, 'test', 'sudoku', { minDifficulty: 71 }), (error) => error instanceof DataError && /no puzzles with a rating of 71 or more/.test(error.message)) // prettier-ignore
})

test('a folder says what its files are; hashes that nobody published are not invented', async () => {
  const path = await put('folder', { 'train.csv': CSV, 'test.csv': HELD })
  const { data } = compileConfig({ preset: 'sudoku-mlp', env: {}, flags: { 'data.subsample': '3' } })
  const splits = await readBoardSplits(path, 'sudoku', data)
  assert.deepEqual([splits.train.count, splits.test.count], [3, 2])
  assert.match(splits.origin, new RegExp(`no published hash is known; train.csv has SHA-256 ${sha256(CSV)}, test.csv`))
  await assert.rejects(readBoardSplits(join(folder, 'sudoku-extreme'), 'sudoku', data), (error) => error instanceof DataError && /trmesh data sudoku-extreme; .*--data FOLDER.*--data generated/.test(error.remedy)) // prettier-ignore
})

test('fetched: both files of one revision, compared with what the host states, noted, and looked at again when read', async () => {
  const target = join(folder, 'sets', 'sudoku-extreme')
  const set = { title: 'test', repository: 'owner/name' }
  const note = await fetchBoardSet(set, target, 'main', fetching())
  assert.deepEqual(note, { repository: 'owner/name', commit: 'c0ffee', sha256: { 'train.csv': sha256(CSV), 'test.csv': sha256(HELD) }, checked: true }) // prettier-ignore
  assert.deepEqual([...new Set(asked)], ['HEAD /owner/name/resolve/main', 'GET /owner/name/resolve/c0ffee', 'GET /elsewhere', 'HEAD /owner/name/resolve/c0ffee']) // prettier-ignore
  assert.equal(await readFile(join(target, 'train.csv'), 'utf8'), CSV)
  assert.deepEqual(await readdir(join(folder, 'sets')), ['sudoku-extreme'])
  const { data } = compileConfig({ preset: 'sudoku-mlp', env: {}, flags: {} })
  const read = async (): Promise<string> => (await readBoardSplits(target, 'sudoku', data)).origin
  assert.match(await read(), /owner\/name at c0ffee; train\.csv has SHA-256 [0-9a-f]{64}, .*, as its host states it/)
  await writeFile(join(target, 'test.csv'), `${HELD}${line(3, 1)}\n`)
  await assert.rejects(read(), (error) => error instanceof DataError && /not that of the file that was fetched/.test(error.message) && error.remedy.includes(notePath(target))) // prettier-ignore

  stated = false
  assert.equal((await fetchBoardSet(set, target, 'main', fetching())).checked, false)
  assert.match(await read(), /no published hash is known/)
  stated = true
})

test('what is damaged or out of reach leaves the earlier copy as it was', async () => {
  const target = join(folder, 'kept')
  const set = { title: 'test', repository: 'owner/name' }
  await fetchBoardSet(set, target, 'main', fetching())
  const refused = async (kind: typeof RunError, message: RegExp, from: Fetching, revision = 'main'): Promise<void> => {
    await assert.rejects(fetchBoardSet(set, target, revision, from), (error) => {
      assert.ok(error instanceof kind && message.test(error.message), String(error))
      return /--data FOLDER/.test(error.remedy) && /--data generated/.test(error.remedy)
    })
    assert.equal(await readFile(join(target, 'train.csv'), 'utf8'), CSV)
    assert.ok((await readdir(folder)).every((name) => !name.startsWith('.new-')))
  }
  damaged = true
  await refused(DataError, /arrived with SHA-256 [0-9a-f]{64}; its host states/, fetching())
  damaged = false
  await refused(SystemRefused, /the server answered 404/, fetching(), 'other')
  await refused(SystemRefused, /cannot fetch .*resolve\/main\/train\.csv/, { ...fetching(), baseUrl: 'http://127.0.0.1:1' }) // prettier-ignore
})

test('settings of boards that are made here decide nothing where none are made', () => {
  const data = (flags: Record<string, string>): object => identityOf(compileConfig({ preset: 'sudoku-mlp', env: {}, flags })).data // prettier-ignore
  const published = data({})
  assert.deepEqual(data({ 'data.generatedMinDifficulty': '77', 'data.generatedTestBoards': '5' }), published)
  assert.ok(!('subsample' in published) && !('minDifficulty' in published), 'as identities had it before')
  assert.notDeepEqual(data({ 'data.minDifficulty': '7' }), published)
  assert.notDeepEqual(data({ 'data.subsample': '7' }), published)
  const made = data({ 'data.source': 'generated' })
  assert.notDeepEqual(data({ 'data.source': 'generated', 'data.generatedMinDifficulty': '77' }), made)
})
