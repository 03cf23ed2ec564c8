// A checkpoint of the full-size dense state (28 MB each of weights, average and two moments), the way a run saves it: pulled
// from a worker's snapshot over NATS, hashed, synced; then verified as a start does, and pulled by a worker that resumes.
// Yardsticks, same run and disk: a plain write with fsync, a plain read, a plain copy in memory.
import { bytesOf } from '../../shared/bytes.js'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { restore, saveCheckpoint } from '../../coordinator/checkpointing.js'
import { PuzzleTable } from '../../coordinator/puzzle-table.js'
import { checkpointState } from '../../coordinator/state-source.js'
import { openCheckpoint } from '../../coordinator/store/checkpoint-reader.js'
import { Snapshots } from '../../worker/snapshots.js'
import { connectBus, type Bus } from '../../shared/bus/bus.js'
import { pull, serveState } from '../../shared/bus/transfer.js'
import { compileConfig } from '../../shared/config/compile.js'
import { initialParams } from '../../shared/gradients/init.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { drawOf, runId, slotId, workerId, type SlotId } from '../../shared/ids.js'
import type { SnapshotId } from '../../shared/protocol/messages.js'
import { subjectsOf } from '../../shared/protocol/subjects.js'
import { median, type BenchOptions, type Report } from './benchmark.js'
import { onGround } from './ground.js'

const WORKER = workerId('w-bench')
const SNAPSHOT = 'bench' as SnapshotId
const SEGMENTS = ['params', 'ema', 'm', 'v'] as const

export const run = ({ quick }: BenchOptions, report: Report): Promise<void> =>
  onGround(async ({ nats, folder }) => {
    const connected = (name: string): Promise<Bus> =>
      connectBus({ url: nats.url, credentials: '', name, inFlightBytes: 8 << 20 })
    const [coordinator, worker] = [await connected('bench coordinator'), await connected('bench worker')]
    const flags = {
      'train.slots': '2',
      'run.id': 'bench',
      ...(quick ? { 'model.hidden': '64', 'model.heads': '2' } : {}),
    }
    const config = compileConfig({ preset: 'arc1', env: {}, flags })
    const { model } = config
    const subjects = subjectsOf(runId('bench'))
    const layout = layoutOf(model)
    const params = initialParams(layout, 0)
    const live = SEGMENTS.map(() => shared(params))
    const slots = [slotId(0), slotId(1)]
    const carries = new Float32Array(2 * 2 * (model.seqLen + model.puzzleEmbLen) * model.hidden)
    const states = { hInit: new Float32Array(model.hidden), lInit: new Float32Array(model.hidden) }
    const snapshots = new Snapshots()
    serveState(
      worker,
      subjects.state(WORKER),
      (range) => snapshots.provide(range),
      () => undefined,
    )
    await worker.flush()

    const times = new Map<string, number[]>()
    const timed = async <T>(what: string, work: () => T | Promise<T>): Promise<T> => {
      const began = performance.now()
      const result = await work()
      times.set(what, [...(times.get(what) ?? []), performance.now() - began])
      return result
    }
    const hash = '0'.repeat(64)
    for (let round = 1; round <= (quick ? 1 : 5); round++) {
      // As the compute thread does it, with memory that nobody has touched yet.
      const dense = await timed('pause', () => {
        const copy = new Float32Array(new SharedArrayBuffer(4 * 4 * layout.elements))
        live.forEach((segment, i) => copy.set(segment, i * layout.elements))
        return copy
      })
      snapshots.add(
        SNAPSHOT,
        Promise.resolve({ dense, elements: layout.elements, carries, slots, ...states, mean: new Float32Array(0) }),
      )
      const table = new PuzzleTable(10, model.puzzleEmbDim)
      const none = { draw: drawOf(0), next: drawOf(1), steps: 0, halted: true, restart: false }
      const saved = await timed('save', () =>
        saveCheckpoint(
          coordinator,
          subjects,
          {
            config,
            layout,
            hashes: { identityHash: hash, layoutHash: hash, dataHash: hash },
            folder: join(folder, 'run'),
            base: undefined,
            before: undefined,
            created: () => new Date().toISOString(),
            holds: () => true,
          },
          {
            snapshot: SNAPSHOT,
            step: round,
            epoch: 1,
            slots: slots.map((slot) => ({ slot, ...none })),
            examples: slots.map(() => null),
            table: table.freeze(),
            puzzles: table.numPuzzles,
            thawed: undefined,
            holders: new Map([[WORKER, slots]]),
            lost: () => undefined,
            evaluation: undefined,
          },
        ),
      )
      await timed('plain write', () => writePlainly(join(folder, 'plain'), dense))
      const checkpoint = await timed('verify', () => openCheckpoint(saved))
      await timed('plain read', () => readFile(join(folder, 'plain')))
      await timed('resume', async () => {
        await restore(checkpoint, config, layout, table)
        const source = checkpointState(checkpoint, config, layout)
        const serving = serveState(
          coordinator,
          subjects.state('coordinator'),
          (range) => source.provide(range),
          () => undefined,
        )
        await coordinator.flush()
        for (const [i, segment] of SEGMENTS.entries()) {
          const into = bytesOf(live[i]!)
          const range = { snapshot: SNAPSHOT, segment, slot: 0 as SlotId, offset: 0, length: into.length }
          await pull(worker, subjects.state('coordinator'), range, into)
        }
        serving.close()
      })
      await checkpoint.close()
      live.forEach((segment) => {
        if (segment.some((value, i) => value !== params[i])) throw new Error('what was resumed is not what was saved')
      })
    }
    await Promise.all([coordinator.close(), worker.close()])
    const of = (what: string): number => median(times.get(what)!)
    const megabytes = (16 * layout.elements) / 1e6
    const tell = (what: string, words: string, yardstick: string): void => {
      const ratio = of(yardstick) / of(what)
      report({ config: `${megabytes.toFixed(0)} MB, ${words}`, value: of(what), unit: 'ms', ratio })
      report({
        config: `${megabytes.toFixed(0)} MB, ${words}`,
        value: megabytes / (of(what) / 1000),
        unit: 'MB/s',
        ratio,
      })
    }
    report({
      config: `${megabytes.toFixed(0)} MB, pause of training for the copy`,
      value: of('pause'),
      unit: 'ms',
      ratio: null,
    })
    tell('save', 'save over NATS (against write and fsync)', 'plain write')
    tell('verify', 'verify every byte (against a plain read)', 'plain read')
    tell('resume', 'pull by a resuming worker (against a plain read)', 'plain read')
  })

function shared(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}

async function writePlainly(path: string, values: Float32Array): Promise<void> {
  const file = await open(path, 'w')
  await file.writeFile(Buffer.from(values.buffer as unknown as ArrayBuffer))
  await file.sync()
  await file.close()
}
