// Words that nobody answers, lost on their way to a worker: examples sent ahead, the end of a step given up, the word to let go
// of a copy, the end of the run. And a pull whose answer is lost. Each is noticed, and the run ends as it should.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectBus } from '../../shared/bus/bus.js'
import { pull, serveState } from '../../shared/bus/transfer.js'
import { WireError } from '../../shared/errors.js'
import { slotId } from '../../shared/ids.js'
import type { SnapshotId } from '../../shared/protocol/messages.js'
import { Link } from '../chaos/link.js'
import { afterwards, checkpointsOf, configOf, coordinate, journalOf, lastStep, lossesOf, natsFor, temporaryFolder, until, withoutNats, work } from '../helpers/cluster.js' // prettier-ignore

const STEPS = 150
const HELD_MS = 1500

test(
  'examples, discard, release and stop, each lost once: the run ends, and the worker with it',
  { skip: withoutNats, timeout: 180_000 },
  async (t) => {
    // prettier-ignore
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const waiting = new Set(['examples', 'discard', 'release', 'stop'])
    let hold: 'no' | 'next' | 'held' = 'no'
    const cable = await Link.open(Number(new URL(url).port), ({ type }, direction, frame) => {
      if (direction === 'in' && waiting.delete(type)) return { frames: [] }
      if (direction === 'in' || type !== 'part' || hold !== 'next') return undefined
      hold = 'held'
      return { frames: [frame], delayMs: HELD_MS }
    })
    afterwards(t, () => cable.close())
    const flags = {
      'run.dir': dir,
      'run.id': 'r',
      'train.steps': STEPS,
      'checkpoint.everySteps': 10,
      'evaluate.maxPairs': 1,
    }
    const folder = join(dir, 'r')
    const crew = [work(t, cable.url, 'r', 'a'), work(t, url, 'r', 'b')]
    const coordinator = coordinate(t, configOf({ ...flags, 'bus.url': url, 'cluster.minWorkers': 2 }))
    await until('step 5', () => lastStep(folder) >= 5)
    // A step is given up when somebody leaves in the middle of it.
    const leaver = work(t, url, 'r', 'leaver')
    await until('three to train', () => journalOf(folder).at(-1)?.workers === 3)
    hold = 'next'
    await until('a step to be held up', () => hold === 'held')
    leaver.stop()
    await until('its leaving to be told', () => coordinator.out.text.includes('leaver left'))
    await until('the others to go on', () => journalOf(folder).at(-1)?.workers === 2)
    await coordinator.done
    await Promise.all(crew.map(({ done }) => done))
    assert.deepEqual([...waiting], [])
    assert.match(crew[0]!.out.text, /the run is finished/)
    assert.match(coordinator.out.text, /finished at step 150 of 150/)
    assert.deepEqual(
      [...lossesOf(folder).keys()],
      Array.from({ length: STEPS }, (_, i) => i + 1),
    )
    assert.ok(checkpointsOf(folder).includes('step-00000150'))
  },
)

test(
  'a pull whose answer is lost is asked for again beside the first; a slow answer is still taken',
  { skip: withoutNats, timeout: 60_000 },
  async (t) => {
    // prettier-ignore
    const { url } = await natsFor(t)
    const open = async (): ReturnType<typeof connectBus> => {
      const bus = await connectBus({ url, credentials: '', name: 'pull', inFlightBytes: 1 << 20 })
      afterwards(t, () => bus.close())
      return bus
    }
    const [source, sink] = [await open(), await open()]
    const asked: string[] = []
    const range = { snapshot: 'x' as SnapshotId, segment: 'params', slot: slotId(0), offset: 0, length: 8 } as const
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    for (const subject of ['lost', 'slow'])
      serveState(
        source,
        subject,
        async () => {
          asked.push(subject)
          const first = asked.filter((one) => one === subject).length === 1
          if (first && subject === 'lost') await new Promise(() => undefined)
          if (first) await new Promise((resolve) => setTimeout(resolve, 2500))
          // Whoever asks a second time waits longer than for what was asked first.
          else if (subject === 'slow') await new Promise((resolve) => setTimeout(resolve, 5000).unref())
          return bytes
        },
        () => undefined,
      )
    await source.flush()
    for (const subject of ['lost', 'slow']) {
      const into = new Uint8Array(8)
      await pull(sink, subject, range, into)
      assert.deepEqual(into, bytes)
    }
    assert.deepEqual(asked, ['lost', 'lost', 'slow', 'slow'])
  },
)

test('a pull is given up at once when whoever is asked is known to be lost', { skip: withoutNats }, async (t) => {
  const { url } = await natsFor(t)
  const bus = await connectBus({ url, credentials: '', name: 'pull', inFlightBytes: 1 << 20 })
  afterwards(t, () => bus.close())
  const lost = new AbortController()
  const silent = (): Promise<Uint8Array> => {
    setTimeout(() => lost.abort(new WireError('w1 was lost', 'nothing is to be done')), 50)
    return new Promise(() => undefined)
  }
  serveState(bus, 'silent', silent, () => undefined)
  const range = { snapshot: 'x' as SnapshotId, segment: 'params', slot: slotId(0), offset: 0, length: 8 } as const
  await assert.rejects(pull(bus, 'silent', range, new Uint8Array(8), lost.signal), /w1 was lost/)
  await assert.rejects(pull(bus, 'silent', range, new Uint8Array(8), lost.signal), /w1 was lost/)
})
