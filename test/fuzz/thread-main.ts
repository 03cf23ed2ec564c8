// Reads one damaged input after the other in a thread of its own, so that a reader that never returns can be ended. Tells
// which input it is at through shared memory, and everything that went wrong through messages.
import { parentPort, workerData } from 'node:worker_threads'
import v8 from 'node:v8'
import { rngFor } from '../../shared/rng/counter.js'
import { MEMORY_PER_BYTE, MEMORY_PER_INPUT, planned, targetsOf, type Failure, type Order, type Tally } from './plan.js'

const { seed, inputs, from, only, targets: module, at: shared } = workerData as Order
const at = new Float64Array(shared)
const targets = await targetsOf(module)
/** Since they were last told. */
const tallies = new Map<string, Tally>()
const TELL_EVERY = 1000
const tell = (failure: Failure): void => parentPort?.postMessage({ type: 'failure', failure })

/** Bytes that this thread holds, on its heap and outside it. */
const held = (): number => {
  const { used_heap_size: heap, external_memory: outside } = v8.getHeapStatistics()
  return heap + outside
}

async function one(index: number): Promise<void> {
  const target = planned(targets, seed, index)
  if (only !== undefined && target.name !== only) return
  const input = target.input(rngFor(seed, target.name, index))
  const tally = tallies.get(target.name) ?? { inputs: 0, accepted: 0, ms: 0, slowestMs: 0, slowest: index, grown: 0 }
  tallies.set(target.name, tally)
  const fail = (why: string): void => tell({ target: target.name, index, why, input })
  const before = held()
  const start = performance.now()
  try {
    const outcome = target.read(input)
    if (outcome instanceof Promise ? await outcome : outcome) tally.accepted++
  } catch (error) {
    const [first = '', second = ''] = (error instanceof Error ? (error.stack ?? '') : String(error)).split('\n    at ')
    fail(`${first.slice(0, 300)} at ${second}`)
  }
  const ms = performance.now() - start
  const grown = held() - before
  const bound = MEMORY_PER_INPUT + MEMORY_PER_BYTE * input.length
  if (grown > bound) fail(`holds ${(grown / 2 ** 20).toFixed(0)} MiB more after ${input.length} bytes of input`)
  tally.inputs++
  tally.ms += ms
  if (ms > tally.slowestMs) Object.assign(tally, { slowestMs: ms, slowest: index })
  tally.grown = Math.max(tally.grown, grown)
}

parentPort?.postMessage({ type: 'started' })
for (let index = from; index < inputs; index++) {
  at[0] = index
  await one(index)
  const last = index + 1 === inputs
  if (!last && (index - from + 1) % TELL_EVERY !== 0) continue
  parentPort?.postMessage({ type: 'tallies', tallies: [...tallies], last })
  tallies.clear()
}
