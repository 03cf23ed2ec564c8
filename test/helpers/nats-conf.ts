// nats-servers on the files of deploy/nats, for the tests: only addresses and variables are replaced.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { connect } from 'nats'
import { orderKeys, type KeyOrder } from '../../deploy/nats/key-folder.js'
import { startNatsServer, type RunningNats } from '../../deploy/local/nats.js'
import { findNatsServer } from '../../deploy/setup/nats-server.js'
import { afterwards, temporaryFolder, until } from './cluster.js'

export const FOLDER = join('deploy', 'nats')
export const CONFS = readdirSync(FOLDER).filter((name) => name.endsWith('.conf'))
export const nats = await findNatsServer('.')

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a server on one of the files, with other addresses and variables put in. */
export async function serve(
  t: TestContext,
  conf: string,
  replaced: Readonly<Record<string, string>> = {},
): Promise<RunningNats> {
  const folder = mkdtempSync(join(temporaryFolder(t), 'nats-'))
  const own = { '127.0.0.1:8222': '127.0.0.1:-1', ...replaced }
  for (const name of CONFS) {
    const text = Object.entries(own).reduce(
      (text, [from, to]) => text.replaceAll(from, to),
      readFileSync(join(FOLDER, name), 'utf8'),
    )
    writeFileSync(join(folder, name), text)
  }
  const server = await startNatsServer({
    binary: nats?.path ?? '',
    storeDir: join(folder, 'store'),
    configFile: join(folder, conf),
  })
  afterwards(t, () => server.stop())
  return server
}

/** Waits until what is said at one server is heard at another: links between servers are made in the background. */
export async function heard(t: TestContext, from: string, to: string): Promise<void> {
  const [speaker, listener] = await Promise.all([connect({ servers: from }), connect({ servers: to })])
  afterwards(t, async () => void (await Promise.all([speaker.close(), listener.close()])))
  let got = ''
  listener.subscribe('test.heard', { callback: (_, message) => (got = new TextDecoder().decode(message.data)) })
  await listener.flush()
  await until(`a message from ${from} at ${to}`, () => {
    speaker.publish('test.heard', 'a real message')
    return got === 'a real message'
  })
}

const BASE = join(FOLDER, 'server.conf')

/** A folder as `trmesh keys` makes it. */
export function keysFor(t: TestContext, order: Partial<KeyOrder> = {}): string {
  const keys = join(temporaryFolder(t), 'keys')
  orderKeys(keys, { workers: [], revoke: [], base: BASE, ...order })
  return keys
}

/** Starts a server on the configuration of a folder of keys; `configFile`: where to put what it reads. */
export async function serveKeys(
  t: TestContext,
  keys: string,
  configFile = join(temporaryFolder(t), 'nats-server.conf'),
): Promise<RunningNats> {
  copyKeys(keys, configFile)
  const server = await startNatsServer({ binary: nats?.path ?? '', storeDir: join(keys, 'store'), configFile })
  afterwards(t, () => server.stop())
  return server
}

/** The configuration of a folder, with the port of its monitoring left free. */
export const copyKeys = (keys: string, to: string): void =>
  writeFileSync(to, readFileSync(join(keys, 'nats-server.conf'), 'utf8').replace('127.0.0.1:8222', '127.0.0.1:-1'))
