// The all-reduce over a network that loses, repeats, delays and damages messages: what is missing is asked for again, and
// the mean has the bits of a faultless one, under the same epoch.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StarOwner } from '../../coordinator/star-owner.js'
import { connectBus, type Bus } from '../../shared/bus/bus.js'
import { planBuckets } from '../../shared/gradients/buckets.js'
import { epochOf, runId, stepOf, workerId } from '../../shared/ids.js'
import { subjectsOf } from '../../shared/protocol/subjects.js'
import { rngFor } from '../../shared/rng/counter.js'
import { AllReduce, type Dropped } from '../../worker/allreduce.js'
import { afterwards, natsFor, withoutNats } from '../helpers/cluster.js'

const ELEMENTS = 20_000
const STEPS = 2
const WORKERS = 3
const subjects = subjectsOf(runId('lossy'))

type Fate = 'lost' | 'twice' | 'late' | 'damaged'

/** A bus whose messages meet a fate, drawn from the seed, on their way out. */
function lossy(bus: Bus, seed: number, fates: Map<Fate, number>): Bus {
  let sent = 0
  return {
    ...bus,
    publish(subject, data) {
      const draw = rngFor(seed, 'grad', sent++, 0).uniform()
      const fate = (['lost', 'twice', 'late', 'damaged'] as const)[Math.floor(draw / 0.05)]
      if (fate !== undefined) fates.set(fate, (fates.get(fate) ?? 0) + 1)
      if (fate === 'lost') return
      const copy = data.slice()
      if (fate === 'damaged') copy[copy.length - 5]! ^= 0x10
      if (fate === 'late') return void setTimeout(() => bus.publish(subject, copy), 150)
      bus.publish(subject, copy)
      if (fate === 'twice') bus.publish(subject, copy)
    },
  }
}

for (const topology of ['sharded', 'star'] as const)
  for (const mode of ['fast', 'exact'] as const)
    test(
      `${topology}, ${mode}: with a fifth of the messages lost, repeated, late or damaged, the means have the same bits`,
      { skip: withoutNats, timeout: 60_000 },
      async (t) => {
        const { url } = await natsFor(t)
        const wire = mode === 'fast' && topology === 'sharded' ? 'int8' : 'bf16'
        const reduce = { topology, wire, mode, group: 2, bucketBytes: 1024, inFlightBytes: 1 << 20 } as const
        const team = Array.from({ length: WORKERS }, (_, i) => workerId(`w${i}`))
        const fates = new Map<Fate, number>()
        const dropped = new Map<Dropped, number>()
        let asked = 0

        /** The mean of every step at every worker. */
        const means = async (faulty: boolean): Promise<Buffer[][]> => {
          const open = async (seed: number): Promise<Bus> => {
            const bus = await connectBus({ url, credentials: '', name: 'lossy', inFlightBytes: 1 << 20 })
            afterwards(t, () => bus.close())
            return faulty ? lossy(bus, seed, fates) : bus
          }
          const central = await open(99)
          const star = new StarOwner(
            central,
            subjects,
            planBuckets(ELEMENTS, reduce),
            reduce,
            () => undefined,
            () => asked++,
          )
          const members = []
          for (const [i, me] of team.entries()) {
            const bus = await open(i)
            const buffers = { grad: new Float32Array(ELEMENTS), mean: new Float32Array(ELEMENTS) }
            const count = (why: Dropped): void => void dropped.set(why, (dropped.get(why) ?? 0) + 1)
            const allreduce = new AllReduce(bus, subjects, me, reduce, buffers, count, () => asked++)
            members.push({ bus, allreduce, ...buffers })
          }
          for (const { allreduce } of members) allreduce.assign(epochOf(1), stepOf(0), team, [2, 2, 2])
          star.assign(epochOf(1), stepOf(0), team, [2, 2, 2])
          for (const { bus } of [...members, { bus: central }]) await bus.flush()
          const all: Buffer[][] = []
          for (let step = 1; step <= STEPS; step++) {
            members.forEach(({ grad }, i) => {
              const rng = rngFor(step, 'grad', i, 1)
              grad.forEach((_, at) => (grad[at] = rng.uniform() - 0.5))
            })
            // Three groups of two slots: leaves 4 and 5, and 3 for the last, which has no neighbour.
            const nodes = (i: number, values: Float32Array) => [{ node: [4, 5, 3][i]!, values }]
            await Promise.all(
              members.map(({ allreduce, grad }, i) =>
                allreduce.run(epochOf(1), stepOf(step), mode === 'exact' ? nodes(i, rounded(grad)) : undefined),
              ),
            )
            all.push(members.map(({ mean }) => Buffer.from(new Uint8Array(mean.buffer.slice(0)))))
          }
          for (const { allreduce } of members) allreduce.close()
          star.close()
          return all
        }

        const faultless = await means(false)
        assert.equal(asked, 0, 'nothing is asked for again where nothing is lost')
        assert.deepEqual(await means(true), faultless)
        for (const fate of ['lost', 'twice', 'late', 'damaged'] as const)
          assert.ok((fates.get(fate) ?? 0) > 0, `no message was ${fate}`)
        assert.ok(asked > 0)
        assert.ok((dropped.get('duplicate') ?? 0) > 0, 'repeated messages are counted')
        t.diagnostic(`${[...fates].join(' ')}; asked ${asked} times; dropped ${[...dropped].join(' ')}`)
      },
    )

/** In mode exact parts are rounded before they are sent. */
function rounded(values: Float32Array): Float32Array {
  const copy = values.slice()
  new Uint32Array(copy.buffer).forEach((bits, i, all) => (all[i] = bits & 0xffff0000))
  return copy
}
