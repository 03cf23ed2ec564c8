// What somebody with a worker's key can do, on a real server with the configuration of `trmesh keys`, and what somebody on the way
// can, with its --tls: nothing that the role does not need, and nothing at all.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { connect, credsAuthenticator, Events, type NatsConnection } from 'nats'
import { orderKeys } from '../../deploy/nats/key-folder.js'
import { writeCertificates } from '../../deploy/nats/certificates.js'
import { connectBus, type Bus } from '../../shared/bus/bus.js'
import { BusUnreachable, ConfigError } from '../../shared/errors.js'
import { runId, workerId } from '../../shared/ids.js'
import { decode, encode } from '../../shared/protocol/codec.js'
import { PROTOCOL_VERSION } from '../../shared/protocol/messages.js'
import { subjectsOf } from '../../shared/protocol/subjects.js'
import {
  afterwards,
  configOf,
  coordinate,
  lastStep,
  temporaryFolder,
  trmesh,
  until,
  withoutNats,
  work,
} from '../helpers/cluster.js'
import { copyKeys, keysFor, serveKeys } from '../helpers/nats-conf.js'

const skip = withoutNats
const withoutOpenssl =
  withoutNats || (spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl is found here')
const subjects = subjectsOf(runId('r'))

async function secured(
  t: TestContext,
  workers: readonly string[] = [],
): Promise<{ url: string; creds: (role: string) => string }> {
  const keys = keysFor(t, { workers })
  const server = await serveKeys(t, keys)
  return { url: server.url, creds: (role) => join(keys, `${role}.creds`) }
}

async function busAs(t: TestContext, url: string, credentials: string, role: 'worker' | 'coordinator'): Promise<Bus> {
  const bus = await connectBus({ url, credentials, role, name: 'test', inFlightBytes: 1 << 20 })
  afterwards(t, () => bus.close())
  return bus
}

/** A client as an attacker would write one: the key, and none of our code's manners. */
async function rawAs(t: TestContext, url: string, creds: string): Promise<NatsConnection> {
  const client = await connect({ servers: url, authenticator: credsAuthenticator(readFileSync(creds)) })
  afterwards(t, () => client.close())
  return client
}

test(
  "a worker's key reads no reply to the coordinator, answers no pull in its place and hears no part meant for it",
  { skip },
  async (t) => {
    const { url, creds } = await secured(t)
    const thief = await rawAs(t, url, creds('worker'))
    const stolen: string[] = []
    for (const subject of [
      '_INBOX.>',
      '_INBOX.coordinator.>',
      subjects.state('coordinator'),
      subjects.partsFor('coordinator'),
      'trmesh.*.state.*',
      'trmesh.>',
      '>',
    ])
      // prettier-ignore
      thief.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return
        stolen.push(message.subject)
        message.respond(new TextEncoder().encode('a forged answer'))
      },
    })
    await thief.flush()
    const coordinator = await busAs(t, url, creds('coordinator'), 'coordinator')
    const worker = await busAs(t, url, creds('worker'), 'worker')
    const w = workerId('w')
    coordinator.subscribe(subjects.state('coordinator'), (_, __, respond) => respond?.(Uint8Array.of(1)))
    worker.subscribe(subjects.state(w), (_, __, respond) => respond?.(Uint8Array.of(2)))
    await Promise.all([coordinator.flush(), worker.flush()])
    assert.deepEqual([...(await worker.request(subjects.state('coordinator'), Uint8Array.of(0), 5000))], [1])
    // The thief may ask as any worker may, and hears what workers hear: the request to a worker, at most.
    assert.deepEqual([...(await coordinator.request(subjects.state(w), Uint8Array.of(0), 5000))], [2])
    worker.publish(subjects.part('coordinator', w), Uint8Array.of(3))
    await worker.flush()
    await thief.flush()
    assert.deepEqual(
      stolen.filter((subject) => /coordinator|_INBOX/.test(subject)),
      [],
    )
  },
)

test("a worker's key publishes nothing that the coordinator says", { skip }, async (t) => {
  const { url, creds } = await secured(t)
  const observer = await rawAs(t, url, creds('observer'))
  const heard: string[] = []
  observer.subscribe('trmesh.>', { callback: (_, { subject }) => void heard.push(subject) })
  await observer.flush()
  const [w, thief] = [workerId('w'), await rawAs(t, url, creds('worker'))]
  const allowed = [subjects.toCoordinator(w), subjects.mean(w)]
  let refused = 0
  void (async () => {
    for await (const { type } of thief.status()) if (type === Events.Error) refused++
  })()
  const denied = [subjects.beacon, subjects.toWorker(w), subjects.mean('coordinator'), '_INBOX.coordinator.x', '$SYS.REQ.SERVER.PING', 'elsewhere'] // prettier-ignore
  for (const subject of [...denied, ...allowed]) thief.publish(subject, Uint8Array.of(1))
  await thief.flush()
  await observer.flush()
  assert.deepEqual(heard, allowed)
  await until('each refusal to be told', () => refused >= denied.length)
})

test(
  "a key of one's own: none publishes in another worker's place, hears what is meant for it, or reads its replies",
  { skip },
  async (t) => {
    const { url, creds } = await secured(t, ['a', 'b'])
    const observer = await rawAs(t, url, creds('observer'))
    const heard: string[] = []
    observer.subscribe('trmesh.>', { callback: (_, { subject }) => void heard.push(subject) })
    await observer.flush()
    const [a, b] = [workerId('a-1'), workerId('b-1')]
    const thief = await rawAs(t, url, creds('a'))
    let refused = 0
    void (async () => {
      for await (const { type } of thief.status()) if (type === Events.Error) refused++
    })()
    const allowed = [subjects.hello(a), subjects.toCoordinator(a), subjects.part(b, a), subjects.mean(a)]
    const denied = [subjects.hello(b), subjects.toCoordinator(b), subjects.part(a, b), subjects.part('coordinator', b), subjects.mean(b)] // prettier-ignore
    for (const subject of [...denied, ...allowed]) thief.publish(subject, Uint8Array.of(1))
    await thief.flush()
    await observer.flush()
    assert.deepEqual(heard, allowed)
    await until('each refusal to be told', () => refused >= denied.length)

    const stolen: string[] = []
    const callback = (error: Error | null, { subject }: { subject: string }): void =>
      void (error === null && stolen.push(subject))
    for (const subject of [
      subjects.toWorker(b),
      subjects.partsFor(b),
      subjects.state(b),
      '_INBOX.worker.b.>',
      '_INBOX.worker.>',
      'trmesh.*.w.*.*',
      '>',
    ])
      // prettier-ignore
      thief.subscribe(subject, { callback })
    await thief.flush()
    const coordinator = await busAs(t, url, creds('coordinator'), 'coordinator')
    const honest = await busAs(t, url, creds('b'), 'worker')
    coordinator.subscribe(subjects.state('coordinator'), (_, __, respond) => respond?.(Uint8Array.of(1)))
    honest.subscribe(subjects.state(b), (_, __, respond) => respond?.(Uint8Array.of(2)))
    await Promise.all([coordinator.flush(), honest.flush()])
    assert.deepEqual([...(await honest.request(subjects.state('coordinator'), Uint8Array.of(0), 5000))], [1])
    assert.deepEqual([...(await coordinator.request(subjects.state(b), Uint8Array.of(0), 5000))], [2])
    coordinator.publish(subjects.toWorker(b), Uint8Array.of(3))
    await coordinator.flush()
    await thief.flush()
    assert.deepEqual(stolen, [])
  },
)

test(
  'a worker that names another on its own subjects is not believed, and one whose key is taken back is out while the run goes on',
  { skip, timeout: 60_000 },
  async (t) => {
    const keys = keysFor(t, { workers: ['a', 'b'] })
    const file = join(temporaryFolder(t), 'nats-server.conf')
    const { url, pid } = await serveKeys(t, keys, file)
    const creds = (role: string): string => join(keys, `${role}.creds`)
    const dir = temporaryFolder(t)
    const config = configOf({
      ...{ 'run.id': 'r', 'run.dir': dir, 'bus.url': url, 'bus.credentials': creds('coordinator') },
      ...{ 'cluster.minWorkers': 2, 'train.steps': 400 },
    })
    const lead = coordinate(t, config)
    const [first, second] = ['a', 'b'].map((name) => work(t, url, 'r', name, creds(name)))
    const folder = join(dir, 'r')
    await until('step 5', () => lastStep(folder) >= 5)
    const members = (): string[] => [...new Set(lead.out.text.match(/\b[ab]-[0-9a-f]{8}\b/g))].sort()
    const [, b = ''] = members()
    const enemy = await busAs(t, url, creds('a'), 'worker')
    for (let i = 0; i < 20; i++)
      enemy.publish(`trmesh.r.c.a.${b}`, encode('worker', { type: 'leaving', why: 'b is gone, believe me' }))
    await enemy.flush()
    const at = lastStep(folder)
    await until('five steps more', () => lastStep(folder) >= at + 5)
    assert.doesNotMatch(lead.out.text, /believe me/)

    orderKeys(keys, { workers: [], revoke: ['b'], base: join('deploy', 'nats', 'server.conf') })
    copyKeys(keys, file)
    process.kill(pid, 'SIGHUP')
    await assert.rejects(second!.done, (error: unknown) => {
      assert.ok(error instanceof BusUnreachable)
      assert.match(error.message, /does not let us in/)
      return true
    })
    await until('the run to go on without it', () => /b-[0-9a-f]{8} (died|left)/.test(lead.out.text))
    // It needs two, and waits for one whose key is good.
    orderKeys(keys, { workers: ['c'], revoke: [], base: join('deploy', 'nats', 'server.conf') })
    copyKeys(keys, file)
    process.kill(pid, 'SIGHUP')
    const third = work(t, url, 'r', 'c', creds('c'))
    await Promise.all([lead.done, first!.done, third.done])
    assert.equal(lastStep(folder), 400, lead.out.text)
  },
)

/** Every file below a folder. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()

test(
  'no message of a worker names a file: nothing is written but the run, nothing is served but its state',
  { skip },
  async (t) => {
    const { url, creds } = await secured(t)
    const dir = temporaryFolder(t)
    const run = (id: string) => {
      const config = configOf({
        ...{ 'run.id': id, 'run.dir': join(dir, 'runs'), 'bus.url': url, 'bus.credentials': creds('coordinator') },
        ...{ 'cluster.minWorkers': 1, 'train.steps': 12, 'checkpoint.everySteps': 6 },
      })
      return coordinate(t, config)
    }
    const honest = run('honest')
    await Promise.all([honest.done, work(t, url, 'honest', 'w', creds('worker')).done])
    const lead = run('victim')
    const enemy = await busAs(t, url, creds('worker'), 'worker')
    const victim = subjectsOf(runId('victim'))
    const paths = ['../../evil', '/tmp/evil', '..', 'a/b', 'a\\b', 'nul\0', '%2e%2e%2fevil']
    let welcomed = 0
    const greeting = { type: 'hello', run: 'victim', protocol: PROTOCOL_VERSION, pid: 1 }
    await until('the coordinator to be there', () => /waiting for 1 worker/.test(lead.out.text))
    for (const path of paths) {
      const text = { worker: path, label: path, host: path, metrics: path }
      for (const message of [text, { ...text, worker: 'w-1' }])
        await enemy
          .request(victim.hello(workerId('w-1')), encode('hello', { ...greeting, ...message } as never), 500)
          .then(
            (reply) => (welcomed += decode('helloReply', reply).type === 'welcome' ? 1 : 0),
            (error: unknown) => assert.ok(error instanceof BusUnreachable),
          )
      for (const message of [
        { type: 'snapshotReady', snapshot: path, step: 0 },
        { type: 'trouble', code: path, message: path, remedy: path },
        {
          type: 'evaluated',
          evaluation: 0,
          unit: 0,
          preds: new Uint8Array(1),
          q: new Uint8Array(4),
          halts: new Uint8Array(2),
        },
        { type: 'leaving', why: path },
      ])
        enemy.publish(victim.toCoordinator(workerId('w-1')), encode('worker', message as never))
      for (const snapshot of [path, `../../../${creds('coordinator')}`]) {
        const pull = { type: 'pull', snapshot, segment: 'params', slot: 0, offset: 0, length: 1 << 16 }
        const reply = await enemy
          .request(victim.state('coordinator'), encode('pull', pull as never), 500)
          .catch(() => new Uint8Array(0))
        assert.doesNotMatch(Buffer.from(reply).toString('latin1'), /SEED|BEGIN/)
      }
    }
    // Texts may say what they like; names may not. Every greeting with a name of a worker's form was taken for one.
    assert.equal(welcomed, paths.length)
    // It goes on all the same, with a worker that means it.
    await Promise.all([lead.done, work(t, url, 'victim', 'w', creds('worker')).done])
    assert.equal(lastStep(join(dir, 'runs', 'victim')), 12, lead.out.text)
    const written = filesOf(dir).map((name) => name.replaceAll('victim', 'honest'))
    assert.deepEqual(
      [...new Set(written)],
      filesOf(dir).filter((name) => name.includes('honest')),
    )
    assert.ok(!existsSync('/tmp/evil'))
  },
)

test(
  'keys --tls: a run crosses it; without TLS, or with another authority, nobody gets in, and a server without it is not believed',
  { skip: withoutOpenssl, timeout: 120_000 },
  async (t) => {
    const keys = join(temporaryFolder(t), 'keys')
    const made = trmesh(t, ['keys', keys, '--tls', 'localhost,127.0.0.1'])
    assert.equal(await made.ended, 0, made.said())
    for (const secret of ['ca.key', 'nats.key', 'worker.creds'])
      assert.equal(statSync(join(keys, secret)).mode & 0o077, 0)
    const server = await serveKeys(t, keys)
    const port = new URL(server.url).port
    const url = `tls://127.0.0.1:${port}`
    const ca = join(keys, 'ca.pem')
    const creds = (role: string): string => join(keys, `${role}.creds`)
    const dir = temporaryFolder(t)
    const config = configOf({
      ...{ 'run.id': 'tls', 'run.dir': dir, 'bus.url': url, 'bus.credentials': creds('coordinator'), 'bus.ca': ca },
      ...{ 'cluster.minWorkers': 2, 'train.steps': 6 },
    })
    // One of them as a process, from the command line.
    const crew = [
      work(t, `nats://localhost:${port}`, 'tls', 'w0', creds('worker'), ca).done,
      trmesh(t, ['worker', '--nats', url, '--run', 'tls', '--backend', 'wasm', '--threads', '1', '--credentials', creds('worker'), '--ca', ca]).ended, // prettier-ignore
    ]
    const lead = coordinate(t, config)
    await lead.done
    assert.equal(lastStep(join(dir, 'tls')), 6, lead.out.text)
    await Promise.all(crew)

    const stranger = join(temporaryFolder(t), 'other')
    writeCertificates(stranger, ['127.0.0.1'])
    const options = { url, credentials: creds('worker'), name: 'test', inFlightBytes: 1024 }
    const refused = async (what: Partial<Parameters<typeof connectBus>[0]>, message: RegExp, remedy: RegExp) =>
      assert.rejects(connectBus({ ...options, ...what }), (error: unknown) => {
        assert.ok(error instanceof BusUnreachable)
        assert.match(error.message, message)
        assert.match(error.remedy, remedy)
        return true
      })
    // The server of somebody else, whoever signed it; ours, to one who knows no authority; ours, by a name it does not have.
    await refused({ ca: join(stranger, 'ca.pem') }, /certificate/, /--ca/)
    await refused({}, /certificate/, /--ca/)
    const named = join(temporaryFolder(t), 'named')
    writeCertificates(named, ['nats.example.org'])
    const tls = { cert: join(named, 'nats.pem'), key: join(named, 'nats.key') }
    const elsewhere = await serveKeys(t, keysFor(t, { tls }))
    await refused({ url: `tls://127.0.0.1:${new URL(elsewhere.url).port}`, ca: join(named, 'ca.pem') }, /IP|altnames/i, /a name that the certificate holds/) // prettier-ignore
    // A server without TLS in the place of ours: nothing is sent to it, credentials least of all.
    const plain = await serveKeys(t, keysFor(t))
    await refused({ url: plain.url, ca }, /tls/, /speaks no TLS/)
    await assert.rejects(connectBus({ ...options, ca: join(keys, 'nothing.pem') }), ConfigError)
  },
)

test('certificates that are there are not replaced, names that are none are refused', { skip: withoutOpenssl }, (t) => {
  const folder = join(temporaryFolder(t), 'tls')
  assert.throws(() => writeCertificates(folder, ['a b']), /a b is no name of a server/)
  assert.throws(() => writeCertificates(folder, ['x,DNS:evil'.slice(1)]), ConfigError)
  assert.equal(writeCertificates(folder, ['localhost', '10.0.0.1', 'fd00::1']).length, 4)
  assert.deepEqual(readdirSync(folder).sort(), ['ca.key', 'ca.pem', 'nats.key', 'nats.pem'])
  assert.throws(() => writeCertificates(folder, ['localhost']), /exists/)
  const { stdout } = spawnSync('openssl', ['x509', '-in', join(folder, 'nats.pem'), '-noout', '-ext', 'subjectAltName'], { encoding: 'utf8' }) // prettier-ignore
  assert.match(stdout, /DNS:localhost, IP Address:10\.0\.0\.1, IP Address:FD00:0:0:0:0:0:0:1/)
})
