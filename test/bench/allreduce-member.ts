// One process of the all-reduce benchmark: a worker, or the coordinator of the star. Told what to do by its parent over the
// IPC channel. The mean's fingerprint goes back, so that a fast wrong answer is noticed.
import { addWire, encodeWire } from '../../shared/gradients/bf16.js'
import { planBuckets, wireBytes } from '../../shared/gradients/buckets.js'
import { fingerprint } from '../../shared/gradients/fingerprint.js'
import { connectBus, type Bus } from '../../shared/bus/bus.js'
import { runId, stepOf } from '../../shared/ids.js'
import { subjectsOf, type Subjects } from '../../shared/protocol/subjects.js'
import { StarOwner } from '../../coordinator/star-owner.js'
import { AllReduce, type GradientBuffers } from '../../worker/allreduce.js'
import { EPOCH, fill, IN_FLIGHT_BYTES, reduceOf, teamOf, type Done, type Round, type Setup } from './allreduce-round.js'

const NAIVE_BYTES = 1_000_000

const clock = (): number => performance.timeOrigin + performance.now()
const subjects = (topology: string): Subjects => subjectsOf(runId(`bench-${topology}`))
const say = (what: 'ready' | Done): void => void process.send?.(what)

/** What a first version does: publish everything at once, sum what comes. Its sums depend on the order of arrival. */
class Naive {
  private left = 0
  private finished: () => void = () => undefined
  private readonly subject: string
  /** bf16 is also what int8 is held against: a block knows no sum of its own. */
  private readonly wire: 'bf16' | 'f32'

  constructor(
    private readonly bus: Bus,
    private readonly setup: Setup,
    private readonly buffers: GradientBuffers,
  ) {
    this.subject = 'bench.naive'
    this.wire = setup.wire === 'int8' ? 'bf16' : setup.wire
    for (let source = 0; source < setup.workers; source++)
      if (source !== setup.index)
        bus.subscribe(`${this.subject}.${source}.*`, (data, subject) => this.take(data, subject))
  }

  /** Before anybody runs: a first message may come before we begin ourselves. */
  prepare(): void {
    const { elements, workers } = this.setup
    this.left = elements * wireBytes(this.wire) * (workers - 1)
    this.buffers.mean.set(this.buffers.grad)
  }

  run(): Promise<void> {
    const { index } = this.setup
    const { wire } = this
    const { grad } = this.buffers
    const finished = new Promise<void>((resolve) => (this.finished = resolve))
    const bytes = new Uint8Array(grad.length * wireBytes(wire))
    encodeWire(grad, wire, bytes)
    for (let at = 0; at < bytes.length; at += NAIVE_BYTES)
      this.bus.publish(`${this.subject}.${index}.${at}`, bytes.subarray(at, at + NAIVE_BYTES))
    if (this.left === 0) this.finished()
    return finished
  }

  private take(data: Uint8Array, subject: string): void {
    const { wire } = this
    const from = Number(subject.slice(subject.lastIndexOf('.') + 1)) / wireBytes(wire)
    addWire(data, wire, this.buffers.mean.subarray(from, from + data.length / wireBytes(wire)))
    this.left -= data.length
    if (this.left === 0) this.finished()
  }
}

async function serve(setup: Setup): Promise<void> {
  const { url, index } = setup
  const bus = await connectBus({ url, credentials: '', name: `bench ${index}`, inFlightBytes: IN_FLIGHT_BYTES })
  let dropped = 0
  let before = process.cpuUsage()
  const act = (index < 0 ? coordinator : worker)(setup, bus, () => void dropped++)
  process.once('disconnect', () => process.exit())
  process.on('message', (round: Round) => {
    void act(round).then((hash) => {
      const ended = clock()
      const { user, system } = process.cpuUsage(before)
      before = process.cpuUsage()
      if (round.type === 'prepare') return say('ready')
      say({ ended, cpu: (user + system) / 1000, hash: hash?.() ?? '', rss: process.memoryUsage.rss(), dropped })
    })
  })
  await bus.flush()
  say('ready')
}

/** Acts on a round; after a reduction, says how to hash what came of it (which takes time that is not measured). */
type Act = (round: Round) => Promise<(() => string) | undefined>

function coordinator(setup: Setup, bus: Bus, onDropped: () => void): Act {
  const reduce = reduceOf(setup, 'star')
  const star = new StarOwner(
    bus,
    subjects('star'),
    planBuckets(setup.elements, reduce),
    reduce,
    onDropped,
    () => undefined,
  )
  star.assign(EPOCH, stepOf(0), teamOf(setup))
  return () => Promise.resolve(undefined)
}

function worker(setup: Setup, bus: Bus, onDropped: () => void): Act {
  const team = teamOf(setup)
  // As in the worker: an arena that two threads share.
  const floats = (): Float32Array => new Float32Array(new SharedArrayBuffer(setup.elements * 4))
  const buffers: GradientBuffers = { grad: floats(), mean: floats() }
  const naive = new Naive(bus, setup, buffers)
  const reducer = (topology: 'sharded' | 'star'): AllReduce => {
    const reduce = reduceOf(setup, topology)
    const made = new AllReduce(bus, subjects(topology), team[setup.index]!, reduce, buffers, onDropped)
    made.assign(EPOCH, stepOf(0), team)
    return made
  }
  const reducers = { sharded: reducer('sharded'), star: reducer('star') }
  return async ({ type, mode, step }) => {
    if (type === 'prepare') {
      fill(buffers.grad, setup.index, step)
      naive.prepare()
      return undefined
    }
    await (mode === 'naive' ? naive.run() : reducers[mode].run(EPOCH, stepOf(step)))
    return () => fingerprint(buffers.mean)
  }
}

process.once('message', (setup: Setup) => void serve(setup))
