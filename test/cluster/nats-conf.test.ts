// The files of deploy/nats, on real servers: one host, three that stand in for each other, a leaf, and one with roles. A
// small run crosses each of them; only addresses are replaced, since all of it happens on this machine.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { connect, credsAuthenticator, nkeys, type NatsConnection } from 'nats'
import { orderKeys } from '../../deploy/nats/key-folder.js'
import { createUserKey } from '../../deploy/nats/keys.js'
import { connectBus } from '../../shared/bus/bus.js'
import { ConfigError } from '../../shared/errors.js'
import { runId, workerId } from '../../shared/ids.js'
import { subjectsOf } from '../../shared/protocol/subjects.js'
import {
  afterwards,
  configOf,
  coordinate,
  lastStep,
  temporaryFolder,
  until,
  withoutNats,
  work,
} from '../helpers/cluster.js'
import { CONFS, FOLDER, freePort, heard, keysFor, nats, serve, serveKeys } from '../helpers/nats-conf.js'

/** Variables that the files read, as for `nats-server -t`. */
const ENV = {
  NATS_HUB: 'nats://127.0.0.1:7422',
}

/** A run of `steps` steps: the coordinator at the first address, a worker at each of the others. */
async function runAcross(t: TestContext, coordinator: string, workers: readonly string[], run: string): Promise<void> {
  const dir = temporaryFolder(t)
  const config = configOf({
    ...{ 'run.id': run, 'run.dir': dir, 'bus.url': coordinator },
    ...{ 'cluster.minWorkers': workers.length, 'train.steps': 8 },
  })
  const crew = workers.map((url, i) => work(t, url, run, `w${i}`))
  const lead = coordinate(t, config)
  await Promise.race([lead.done, ...crew.map(async ({ done }) => (await done, await lead.done))])
  assert.equal(lastStep(join(dir, run)), 8, lead.out.text)
  await Promise.all(crew.map(({ done }) => done))
}

test('every nats configuration is taken by nats-server -t', { skip: withoutNats }, (t) => {
  assert.ok(CONFS.length >= 5)
  const made = [[], ['gpu-1', 'gpu-2']].map((workers) => join(keysFor(t, { workers }), 'nats-server.conf'))
  for (const conf of [...CONFS.map((name) => join(FOLDER, name)), ...made]) {
    const { status, stderr } = spawnSync(nats?.path ?? '', ['-t', '-c', conf], {
      env: { ...process.env, ...ENV },
      encoding: 'utf8',
      timeout: 10_000,
    })
    assert.equal(status, 0, `${conf}: ${stderr}`)
  }
})

test('server.conf: a run crosses it, with room for a bucket, and nothing stored', { skip: withoutNats }, async (t) => {
  const server = await serve(t, 'server.conf')
  const client = await connect({ servers: server.url })
  assert.equal(client.info?.max_payload, 4 << 20)
  assert.equal(client.info?.jetstream ?? false, false)
  await client.close()
  await runAcross(t, server.url, [server.url, server.url], 'one-host')
})

test(
  'cluster.conf: a run crosses three servers, and goes on when one of them dies',
  { skip: withoutNats },
  async (t) => {
    const ports = [await freePort(), await freePort(), await freePort()]
    const hosts = Object.fromEntries(ports.map((port, i) => [`nats-${i + 1}:6222`, `127.0.0.1:${port}`]))
    const servers = await Promise.all(
      ports.map((port) => serve(t, 'cluster.conf', { '0.0.0.0:6222': `127.0.0.1:${port}`, ...hosts })),
    )
    const urls = servers.map(({ url }) => url)
    await heard(t, urls[0] ?? '', urls[1] ?? '')
    await heard(t, urls[1] ?? '', urls[2] ?? '')
    const dir = temporaryFolder(t)
    const config = configOf({
      ...{ 'run.id': 'three', 'run.dir': dir, 'bus.url': urls[0] ?? '' },
      ...{ 'cluster.minWorkers': 2, 'train.steps': 60 },
    })
    // Each names the others too, in an order of its own.
    const crew = [1, 2].map((i) => work(t, [urls[i], urls[0]].join(','), 'three', `w${i}`))
    const lead = coordinate(t, config)
    await until(
      () => `step 5: ${lead.out.text}`,
      () => lastStep(join(dir, 'three')) >= 5,
    )
    await servers[1]?.stop()
    await lead.done
    assert.equal(lastStep(join(dir, 'three')), 60, lead.out.text)
    await Promise.all(crew.map(({ done }) => done))
  },
)

test('hub.conf and leaf.conf: workers at a leaf serve a coordinator at the hub', { skip: withoutNats }, async (t) => {
  const port = await freePort()
  const hub = await serve(t, 'hub.conf', { '0.0.0.0:7422': `127.0.0.1:${port}` })
  const leaf = await serve(t, 'leaf.conf', { $NATS_HUB: `nats://127.0.0.1:${port}` })
  await heard(t, leaf.url, hub.url)
  await runAcross(t, hub.url, [leaf.url, leaf.url], 'leaf')
})

test(
  'trmesh keys: a run with credentials crosses its server; nobody can do what his role may not',
  { skip: withoutNats },
  async (t) => {
    const keys = keysFor(t)
    const creds = (role: string): string => join(keys, `${role}.creds`)
    const server = await serveKeys(t, keys)
    const dir = temporaryFolder(t)
    for (const topology of ['sharded', 'star']) {
      const config = configOf({
        ...{ 'run.id': topology, 'run.dir': dir, 'bus.url': server.url, 'bus.credentials': creds('coordinator') },
        ...{ 'cluster.minWorkers': 2, 'train.steps': 6, 'reduce.topology': topology },
      })
      const crew = [0, 1].map((i) => work(t, server.url, topology, `w${i}`, creds('worker')))
      const lead = coordinate(t, config)
      await Promise.race([lead.done, ...crew.map(async ({ done }) => (await done, await lead.done))])
      assert.equal(lastStep(join(dir, topology)), 6, lead.out.text)
      await Promise.all(crew.map(({ done }) => done))
      assert.doesNotMatch(lead.out.text, /complains/)
      for (const { out } of crew) assert.doesNotMatch(out.text, /complains/)
    }

    const subjects = subjectsOf(runId('r'))
    const w = workerId('w')
    const as = async (role: string): Promise<NatsConnection> => {
      const client = await connect({
        servers: server.url,
        authenticator: credsAuthenticator(readFileSync(creds(role))),
      })
      afterwards(t, () => client.close())
      return client
    }
    const observer = await as('observer')
    let arrived = ''
    observer.subscribe('trmesh.>', { callback: (_, { subject }) => (arrived = subject) })
    await observer.flush()
    const may = async (role: string, subject: string, allowed: boolean): Promise<void> => {
      const client = await as(role)
      arrived = ''
      client.publish(subject, new Uint8Array(1))
      // What the server took before it answered these is delivered, or it never will be.
      await client.flush()
      await observer.flush()
      assert.equal(arrived, allowed ? subject : '', role)
    }
    await may('worker', subjects.part(w, w), true)
    await may('worker', subjects.toWorker(w), false)
    await may('worker', subjects.beacon, false)
    await may('coordinator', subjects.toWorker(w), true)
    await may('coordinator', subjects.toCoordinator(w), false)
    await may('observer', subjects.hello(w), false)

    const strangers = keysFor(t)
    const options = { url: server.url, name: 'stranger', inFlightBytes: 1024 }
    for (const credentials of ['', join(strangers, 'worker.creds')])
      await assert.rejects(connectBus({ ...options, credentials }), /Authorization Violation/)
  },
)

/** What the test uses of the nats package's own keys, whose types it does not bring along. */
interface KeyPair {
  getPublicKey(): string
  sign(message: Uint8Array): Uint8Array
  verify(message: Uint8Array, signature: Uint8Array): boolean
}
const { fromSeed, fromPublic } = nkeys as unknown as Record<
  'fromSeed' | 'fromPublic',
  (key: Uint8Array | string) => KeyPair
>

test("the keys are NATS' own: its client reads them, and signs what their public half proves", () => {
  for (let i = 0; i < 20; i++) {
    const { publicKey, seed } = createUserKey()
    const pair = fromSeed(new TextEncoder().encode(seed))
    assert.equal(pair.getPublicKey(), publicKey)
    const message = new TextEncoder().encode('nonce')
    assert.ok(fromPublic(publicKey).verify(message, pair.sign(message)))
  }
})

test('keys that are there stay as they are; the configuration lets in those that are there, and nobody else', (t) => {
  const folder = keysFor(t)
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const order = (workers: string[], revoke: string[] = []): string[] =>
    orderKeys(folder, { workers, revoke, base: join(FOLDER, 'server.conf') }).map((path) => basename(path))
  const users = (): string[] => read('nats-server.conf').match(/(?<=^ {4}# )\S+$/gm) ?? []
  assert.deepEqual(users(), ['coordinator', 'observer', 'worker'])
  const before = read('coordinator.creds')
  assert.deepEqual(order(['gpu-1', 'gpu_2']), ['gpu-1.creds', 'gpu_2.creds', 'nats-server.conf'])
  assert.deepEqual(order(['gpu-3'], ['worker', 'gpu-1']), ['gpu-3.creds', 'nats-server.conf'])
  assert.deepEqual(users(), ['coordinator', 'gpu-3', 'gpu_2', 'observer'])
  // With keys of their own for some, none that all share comes back by itself.
  assert.deepEqual(order([]), ['nats-server.conf'])
  assert.equal(read('coordinator.creds'), before)
  assert.throws(() => order(['coordinator']), /name of a role/)
  for (const name of ['a.b', '*', '>', '../x', '', 'x'.repeat(41)]) assert.throws(() => order([name]), ConfigError)
  assert.throws(() => order([], ['gpu-1']), /gpu-1\.creds is not there/)
  // Credentials under another's name would speak for it.
  writeFileSync(join(folder, 'gpu-9.creds'), read('gpu-3.creds'))
  assert.throws(() => order([]), /gpu-9\.creds is no key of this folder/)
})
