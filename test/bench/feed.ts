// Samples a second that the data side can make, against what the fastest plausible trainer eats: a step of 768 slots in 0.36 s
// on one H100, an eighth of the slots taking a new example in each. Ratio: how many such GPUs one core (or thread) feeds.
// Rates of one core are per second of processor time, so that a busy machine does not change them; through a thread and
// through the bus they are per second of the clock.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Courier } from '../../coordinator/courier.js'
import { openExampleSource, type OpenedSource } from '../../coordinator/data/open.js'
import { ExampleQueue } from '../../worker/examples.js'
import { connectBus, type Bus } from '../../shared/bus/bus.js'
import { chunkBytes } from '../../shared/bus/transfer.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { drawOf, runId, slotId, workerId } from '../../shared/ids.js'
import { decode, encode } from '../../shared/protocol/codec.js'
import { subjectsOf } from '../../shared/protocol/subjects.js'
import { median, type BenchOptions, type Report } from './benchmark.js'
import { onGround } from './ground.js'

const EATEN_PER_S = 768 / 8 / 0.36
const OFFICIAL = resolve('../shared/data/arc-agi-1')
const WORKER = workerId('w-bench')

interface Kind {
  readonly name: string
  readonly config: RunConfig
}

function kinds(quick: boolean): Kind[] {
  const of = (preset: 'tiny' | 'arc1', flags: Record<string, string>): RunConfig =>
    compileConfig({ preset, env: {}, flags: { 'train.slots': quick ? '8' : '256', ...flags } })
  const known = existsSync(OFFICIAL) && !quick
  const source = known ? OFFICIAL : 'generated'
  const tiny = of('tiny', {})
  return [
    { name: `tiny, canvas ${tiny.data.canvas}`, config: tiny },
    {
      name: `arc1, canvas 30, ${known ? 'ARC-AGI-1' : 'generated tasks'}`,
      // Fewer copies than the official 1000 change nothing about a sample and save a minute of building the pool.
      config: of('arc1', { 'data.source': source, 'data.augmentations': quick ? '2' : '50' }),
    },
  ]
}

export const run = ({ quick }: BenchOptions, report: Report): Promise<void> =>
  onGround(async ({ nats }) => {
    const seconds = quick ? 0.05 : 1
    for (const { name, config } of kinds(quick)) {
      const open = (threads: number): Promise<OpenedSource> =>
        openExampleSource(config.data, 0, config.train.slots, {
          cacheDir: join(process.cwd(), '.trmesh', 'data'),
          threads,
        })
      const tell = (how: string, rates: readonly number[], unit: string): void =>
        report({ config: `${name}, ${how}`, value: median(rates), unit, ratio: median(rates) / EATEN_PER_S })
      for (const threads of [0, 1]) {
        const source = await open(threads)
        try {
          const rates = await repeated(quick, () => rateOf(source, config.train.slots, seconds))
          if (threads === 0)
            tell(
              'in this thread, one core',
              rates.map(({ perCpu }) => perCpu),
              'samples/s',
            )
          else {
            tell(
              'one encoder thread',
              rates.map(({ perClock }) => perClock),
              'samples/s',
            )
            const through = await repeated(quick, () => throughBus(nats.url, source, config, seconds))
            tell('to a worker over NATS', through, 'samples/s')
          }
        } finally {
          await source.close()
        }
      }
    }
  })

/** Five measurements, after one that warms up. */
async function repeated<T>(quick: boolean, measure: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let i = 0; i < (quick ? 2 : 6); i++) all.push(await measure())
  return all.slice(1)
}

async function rateOf(
  source: OpenedSource,
  slots: number,
  seconds: number,
): Promise<{ perCpu: number; perClock: number }> {
  const began = performance.now()
  const before = process.cpuUsage()
  let draw = 0
  for (; performance.now() - began < seconds * 1000; draw++)
    await Promise.all(Array.from({ length: slots }, (_, slot) => source.example(slot, draw)))
  const { user, system } = process.cpuUsage(before)
  return {
    perCpu: (draw * slots) / ((user + system) / 1e6),
    perClock: (draw * slots) / ((performance.now() - began) / 1000),
  }
}

/** Coordinator's courier, bus, worker's queue; both ends in this thread, so either alone is faster. */
async function throughBus(url: string, source: OpenedSource, config: RunConfig, seconds: number): Promise<number> {
  const connected = (name: string): Promise<Bus> =>
    connectBus({ url, credentials: '', name, inFlightBytes: config.reduce.inFlightBytes })
  const [coordinator, worker] = [await connected('bench coordinator'), await connected('bench worker')]
  const subject = subjectsOf(runId('bench-feed')).toWorker(WORKER)
  const { seqLen } = config.model
  const queue = new ExampleQueue()
  worker.subscribe(subject, (data) => {
    const message = decode('coordinator', data)
    if (message.type !== 'examples') return
    const { slots, draws, puzzles, inputs, labels } = message
    slots.forEach((slot, i) =>
      queue.add({
        slot,
        draw: draws[i]!,
        puzzle: puzzles[i]!,
        inputs: inputs.slice(i * seqLen, (i + 1) * seqLen),
        labels: labels.slice(i * seqLen, (i + 1) * seqLen),
      }),
    )
  })
  await worker.flush()
  const courier = new Courier(
    source,
    Math.max(1, Math.floor(chunkBytes(coordinator) / (2 * seqLen + 32))),
    (_, message) => coordinator.publish(subject, encode('coordinator', message)),
    (error) => {
      throw error
    },
  )
  const began = performance.now()
  let draw = 0
  for (; performance.now() - began < seconds * 1000; draw++) {
    const takes = Array.from({ length: config.train.slots }, (_, slot) => ({ slot: slotId(slot), draw: drawOf(draw) }))
    await courier.deliver(WORKER, takes)
    await queue.await(takes)
    for (const take of takes) {
      queue.forget(take.slot, take.draw)
      courier.settled(WORKER, take.slot, take.draw)
    }
  }
  const rate = (draw * config.train.slots) / ((performance.now() - began) / 1000)
  await Promise.all([coordinator.close(), worker.close()])
  return rate
}
