// What is slow or full is no reason to stop: a disk without room, and consumers that the server cuts off because they do not
// read (real processes, a real file system, SIGSTOP). Each says so in a line, and nothing is lost.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connectBus } from '../../shared/bus/bus.js'
import { runId, type WorkerId } from '../../shared/ids.js'
import { senderOf, subjectsOf } from '../../shared/protocol/subjects.js'
import { startNatsServer, type RunningNats } from '../../deploy/local/nats.js'
import { findNatsServer } from '../../deploy/setup/nats-server.js'
import { afterwards, asArguments, checkpointsOf, journalOf, lastStep, lossesOf, natsFor, SMALL, temporaryFolder, trmesh, until, withoutNats, work, workerProcess, type Flags } from '../helpers/cluster.js' // prettier-ignore

/** A small file system of its own; undefined where none may be mounted. */
function smallDisk(t: TestContext): string | undefined {
  const folder = temporaryFolder(t)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', folder]).status !== 0) return undefined
  afterwards(t, () => spawnSync('umount', ['-l', folder]))
  return folder
}

/** Takes what room there is, but for some bytes. */
function fill(disk: string): () => void {
  const { bavail, bsize } = statfsSync(disk)
  const filler = join(disk, 'filler')
  writeFileSync(filler, Buffer.alloc(bavail * bsize))
  return () => rmSync(filler)
}

test(
  'a full disk: told, trained on, written again as soon as there is room, and nothing is missing',
  { skip: withoutNats, timeout: 120_000 },
  async (t) => {
    // prettier-ignore
    const disk = smallDisk(t)
    if (disk === undefined) return t.skip('no file system may be mounted here')
    const { url } = await natsFor(t)
    const flags: Flags = {
      ...{ 'run.id': 'r', 'train.steps': 150, 'checkpoint.everySteps': 10, 'reduce.wire': 'f32' },
      ...{ 'bus.url': url, 'cluster.minWorkers': 1, 'checkpoint.keepLast': 1, 'checkpoint.keepBest': 0 },
    }
    const folder = join(disk, 'r')
    const worker = work(t, url, 'r', 'a')
    const lead = trmesh(t, ['coordinator', ...asArguments({ ...SMALL, ...flags, 'run.dir': disk })])
    await until('a checkpoint', () => checkpointsOf(folder).length > 0)
    const makeRoom = fill(disk)
    const told = (what: RegExp): number =>
      lead
        .said()
        .split('\n')
        .filter((line) => what.test(line)).length
    await until('two checkpoints to fail', () => told(/the checkpoint could not be written, training goes on: /) >= 2)
    await until('the journal to be told of', () => told(/the journal in \S+ cannot be written: .*ENOSPC/) === 1)
    // Somebody comes meanwhile: who is scraped cannot be written down either.
    const late = work(t, url, 'r', 'late')
    await until('the list of targets to be told of', () => told(/scrape targets cannot be written: .*ENOSPC/) === 1)
    const kept = checkpointsOf(folder)
    makeRoom()
    const failures = told(/the checkpoint could not be written/)
    await until('the journal to go on', () => lastStep(folder) > 60)
    assert.equal(await lead.ended, 0, lead.said())
    await Promise.all([worker.done, late.done])
    assert.equal(kept.length, 1, 'the checkpoint before stays while there is no room')
    assert.ok(told(/the checkpoint could not be written/) <= failures + 1, 'one may have been under way')
    assert.match(lead.said(), /a checkpoint needs \d+ MB, the disk of \S+ has 0 MB\n +-> free space there|\(ENOSPC\)/)
    assert.ok(checkpointsOf(folder).includes('step-00000150'))
    assert.deepEqual([...lossesOf(folder).keys()], Array.from({ length: 150 }, (_, i) => i + 1), 'every step is in the journal') // prettier-ignore
  },
)

/** A server that cuts off whoever does not read for a second. */
async function strictServer(t: TestContext): Promise<RunningNats> {
  const folder = temporaryFolder(t)
  const configFile = join(folder, 'strict.conf')
  writeFileSync(configFile, 'write_deadline: "1s"\nmax_payload: 1MB\n')
  const found = await findNatsServer(process.cwd())
  const nats = await startNatsServer({ binary: found!.path, storeDir: folder, configFile })
  afterwards(t, () => nats.stop())
  return nats
}

/** More than sockets hold, on a subject that only the sleeper reads. */
async function flood(t: TestContext, url: string, subject: string): Promise<void> {
  const bus = await connectBus({ url, credentials: '', name: 'flood', inFlightBytes: 1 << 20 })
  afterwards(t, () => bus.close())
  for (let i = 0; i < 64; i++) {
    bus.publish(subject, new Uint8Array(512 * 1024))
    await bus.credit()
  }
}

for (const sleeper of ['worker', 'coordinator'] as const)
  test(
    `a ${sleeper} that does not read is cut off by the server; it comes back, and no step is missing`,
    { skip: withoutNats, timeout: 120_000 },
    async (t) => {
      // prettier-ignore
      const nats = await strictServer(t)
      const { url } = nats
      const dir = temporaryFolder(t)
      const flags: Flags = {
        ...{ 'run.dir': dir, 'run.id': 'r', 'train.steps': 150, 'checkpoint.everySteps': 1000, 'reduce.wire': 'f32' },
        ...{ 'bus.url': url, 'cluster.minWorkers': 1 },
      }
      const folder = join(dir, 'r')
      const subjects = subjectsOf(runId('r'))
      const lead = trmesh(t, ['coordinator', ...asArguments({ ...SMALL, ...flags })])
      const calm = work(t, url, 'r', 'calm')
      const other = workerProcess(t, url, 'r', 'other')
      await until('both to train', () => journalOf(folder).at(-1)?.workers === 2)
      const listener = await connectBus({ url, credentials: '', name: 'listener', inFlightBytes: 1 << 20 })
      const ids = new Set<WorkerId>()
      const listening = listener.subscribe(subjects.anyToCoordinator, (_, subject) => ids.add(senderOf(subject)))
      await until('both to be heard', () => ids.size === 2)
      listening.close()
      await listener.close()
      const asleep = sleeper === 'worker' ? other : lead
      asleep.kill('SIGSTOP')
      const targets = sleeper === 'worker' ? [...ids].map((id) => subjects.toWorker(id)) : [subjects.anyToCoordinator.replaceAll('*', 'x')] // prettier-ignore
      for (const subject of targets) await flood(t, url, subject)
      await until('the server to cut it off', () => readFileSync(nats.logFile, 'utf8').includes('Slow Consumer'))
      const at = lastStep(folder)
      // The others go on without a worker, and wait for a coordinator.
      if (sleeper === 'worker') await until('the other to go on', () => lastStep(folder) > at + 5)
      asleep.kill('SIGCONT')
      await until(() => `the sleeper to tell; it said ${asleep.said()}`, () => /cut us off for reading too slowly/.test(asleep.said())) // prettier-ignore
      assert.equal(await lead.ended, 0, lead.said())
      await Promise.all([calm.done, other.ended])
      assert.match(lead.said(), /finished at step 150 of 150/)
      assert.deepEqual(
        [...lossesOf(folder).keys()],
        Array.from({ length: 150 }, (_, i) => i + 1),
      )
      if (sleeper === 'worker') return assert.match(other.said(), /connected to the NATS server again/)
      assert.doesNotMatch(lead.said(), / died: | left: /)
    },
  )
