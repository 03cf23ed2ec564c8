// Fetching a data set: a local server plays the host; what is damaged, missing or out of reach is refused with a remedy.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { contentHash, type DataSet } from '../../coordinator/data/data-sets.js'
import { fetchDataSet } from '../../coordinator/data/download.js'
import { tarFiles } from '../../coordinator/data/tar.js'
import { DataError, RunError, SystemRefused } from '../../shared/errors.js'

/** One entry of a tar archive. */
function entry(path: string, content: string, kind = '0'): Buffer {
  const header = Buffer.alloc(512)
  header.write(path.slice(0, 100), 0)
  header.write(Buffer.byteLength(content).toString(8).padStart(11, '0'), 124)
  header.write(kind, 156)
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512)
  body.write(content)
  return Buffer.concat([header, body])
}

const long = `repo-abc/data/${'deep/'.repeat(25)}0a.json`
const record = (path: string): string => {
  const rest = ` path=${path}\n`
  const length = rest.length + String(rest.length + 3).length
  return `${length}${rest}`
}
const tar = Buffer.concat([
  entry('pax_global_header', '52 comment=abc\n', 'g'),
  entry('repo-abc/', '', '5'),
  entry('repo-abc/README.md', 'not wanted'),
  entry('repo-abc/data/training/0a.json', '{"a": 1}'),
  entry('repo-abc/data/evaluation/0b.json', 'b'.repeat(700)),
  entry('ignored', record(long), 'x'),
  entry(long.slice(0, 100), 'long'),
  Buffer.alloc(1024),
])
const files = new Map([
  ['training/0a.json', Buffer.from('{"a": 1}')],
  ['evaluation/0b.json', Buffer.from('b'.repeat(700))],
])
const SET: DataSet = {
  title: 'test',
  repository: 'owner/repo',
  commit: 'abcdef0123456789',
  wanted: /^data\/(?<path>(training|evaluation)\/\w+\.json)$/,
  files: 2,
  sha256: contentHash(files),
}

let folder = ''
let server: Server
let answer: Buffer | number = gzipSync(tar)
const fetching = (): { baseUrl: string; patience: number } => ({
  baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  patience: 300,
})

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trmesh-download-'))
  server = createServer((request, response) => {
    if (answer === 0) return
    const found = request.url === '/owner/repo/tar.gz/abcdef0123456789' && typeof answer !== 'number'
    response.writeHead(found ? 200 : 404).end(found ? answer : 'no')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
})
after(async () => {
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  await rm(folder, { recursive: true })
})

test('a tar archive: files only, long paths included, damage refused', () => {
  assert.deepEqual([...tarFiles(tar)].map(([path]) => path), ['repo-abc/README.md', 'repo-abc/data/training/0a.json', 'repo-abc/data/evaluation/0b.json', long]) // prettier-ignore
  assert.throws(() => [...tarFiles(tar.subarray(0, 2600))], DataError)
})

test('a data set is fetched, checked and put in place; a second time replaces the first', async () => {
  const target = join(folder, 'sets', 'one')
  for (let i = 0; i < 2; i++) {
    await fetchDataSet(SET, target, fetching())
    assert.equal(await readFile(join(target, 'training', '0a.json'), 'utf8'), '{"a": 1}')
    assert.equal((await readFile(join(target, 'evaluation', '0b.json'))).length, 700)
    assert.deepEqual(await readdir(join(folder, 'sets')), ['one'], 'nothing is left over')
  }
})

test('what is not as expected leaves nothing behind', async () => {
  const target = join(folder, 'other')
  const refused = async (
    set: DataSet,
    kind: typeof SystemRefused | typeof DataError,
    message: RegExp,
  ): Promise<void> => {
    await assert.rejects(fetchDataSet(set, target, fetching()), (error) => {
      assert.ok(error instanceof kind && error instanceof RunError && message.test(error.message), String(error))
      return /try again/.test(error.remedy)
    })
    assert.ok(!(await readdir(folder)).includes('other'))
  }
  await refused({ ...SET, sha256: 'f'.repeat(64) }, DataError, /holds 2 task files of SHA-256/)
  await refused({ ...SET, commit: 'other' }, SystemRefused, /the server answered 404/)
  answer = Buffer.from('<html>')
  await refused(SET, DataError, /not a \.tar\.gz/)
  answer = 0
  await refused(SET, SystemRefused, /nothing arrives/)
  answer = gzipSync(tar)
  await assert.rejects(
    fetchDataSet(SET, target, { baseUrl: 'http://127.0.0.1:1', patience: 300 }),
    (error) => error instanceof SystemRefused && /git clone .*--data FOLDER/.test(error.remedy),
  )
})
