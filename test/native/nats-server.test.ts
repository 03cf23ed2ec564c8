// Our own nats-server: starts on a free port, stops, and says clearly why it does not start.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startNatsServer } from '../../deploy/local/nats.js'
import { findNatsServer, natsServerCaveat } from '../../deploy/setup/nats-server.js'
import { SystemRefused } from '../../shared/errors.js'

const server = await findNatsServer(process.cwd())
const skip = server === undefined ? 'nats-server is not installed here' : false
const binary = server?.path ?? 'nats-server'
const folder = mkdtempSync(join(tmpdir(), 'trmesh-nats-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The INFO greeting of a NATS server, parsed. */
function greeting(url: string): Promise<{ max_payload: number }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    socket.once('error', reject)
    socket.once('data', (data) => {
      socket.destroy()
      resolve(JSON.parse(data.toString().slice('INFO '.length)) as { max_payload: number })
    })
  })
}

test('two servers start on free ports, answer, keep the default payload limit, and stop', { skip }, async () => {
  const servers = await Promise.all(['a', 'b'].map((name) => startNatsServer({ binary, storeDir: join(folder, name) })))
  const [a, b] = servers
  assert.ok(a && b)
  assert.notEqual(a.url, b.url)
  assert.equal((await greeting(a.url)).max_payload, 1024 * 1024)
  assert.ok(existsSync(a.logFile))
  await Promise.all(servers.map((each) => each.stop()))
  await assert.rejects(greeting(a.url), /ECONNREFUSED/)
  await a.stop() // again: nothing to do
})

test('a port in use is named, with what to do', { skip }, async () => {
  const squatter = createServer()
  await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
  const { port } = squatter.address() as AddressInfo
  await assert.rejects(startNatsServer({ binary, storeDir: join(folder, 'c'), port }), (error: unknown) => {
    assert.ok(error instanceof SystemRefused)
    assert.match(error.message, new RegExp(`port ${port} .*in use`))
    assert.match(error.remedy, /choose another port/)
    return true
  })
  squatter.close()
})

test('a missing program, and a server that ends at once, are refused', { skip }, async () => {
  await assert.rejects(
    startNatsServer({ binary: '/nowhere/nats-server', storeDir: join(folder, 'd') }),
    /cannot start \/nowhere/,
  )
  await assert.rejects(
    startNatsServer({ binary, storeDir: join(folder, 'e'), configFile: join(folder, 'none.conf') }),
    /did not become ready/,
  )
})

test('an old release is remarked on, a current one is not', () => {
  assert.match(natsServerCaveat('2.9.10') ?? '', /out of support/)
  assert.equal(natsServerCaveat('2.14.3'), undefined)
})
