// Fetching over http from a server on this machine: the right bytes, the wrong ones, a server that goes silent.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { download, fetchJson } from '../../deploy/setup/download.js'
import { SystemRefused } from '../../shared/errors.js'

const body = Buffer.from('a file of no importance\n'.repeat(1000))
const sha256 = createHash('sha256').update(body).digest('hex')
const server = createServer((request, response) => {
  if (request.url === '/file') response.end(body)
  else if (request.url === '/moved') response.writeHead(302, { location: '/file' }).end()
  else if (request.url === '/silent') response.writeHead(200).write('a few bytes, and then')
  else if (request.url === '/json') response.end('{"a": [1, 2]}')
  else response.writeHead(404).end()
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const folder = mkdtempSync(join(tmpdir(), 'trmesh-download-'))
after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

test('the file arrives, through a redirect too', async () => {
  for (const name of ['file', 'moved']) {
    const path = join(folder, name)
    await download(`${base}/${name}`, path, { sha256 })
    assert.deepEqual(readFileSync(path), body)
  }
})

test('other bytes than expected are refused and not left behind', async () => {
  const path = join(folder, 'wrong')
  await assert.rejects(download(`${base}/file`, path, { sha256: '0'.repeat(64) }), (error: unknown) => {
    return error instanceof SystemRefused && error.message.includes(sha256) && error.message.includes('0'.repeat(64))
  })
  assert.equal(existsSync(path), false)
})

test('a server that refuses, falls silent or is not there is given up, and named', async () => {
  const path = join(folder, 'none')
  await assert.rejects(
    download(`${base}/nothing`, path, { sha256 }),
    /cannot fetch .*\/nothing: the server answered 404/,
  )
  await assert.rejects(
    download(`${base}/silent`, path, { sha256, stallMs: 150 }),
    /cannot fetch .*\/silent: nothing arrives/,
  )
  await assert.rejects(download('http://127.0.0.1:1/x', path, { sha256 }), /cannot fetch http:\/\/127\.0\.0\.1:1\/x/)
  assert.equal(existsSync(path), false)
})

test('a JSON document is parsed; anything else is refused', async () => {
  assert.deepEqual(await fetchJson(`${base}/json`), { a: [1, 2] })
  await assert.rejects(fetchJson(`${base}/file`), SystemRefused)
})
