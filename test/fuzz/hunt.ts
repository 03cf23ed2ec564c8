// Runs the thread over all inputs and watches it: one that hangs or dies is noted with its input, and the rest goes on.
import { Worker } from 'node:worker_threads'
import { rngFor } from '../../shared/rng/counter.js'
import { planned, targetsOf, type Failure, type Order, type Tally } from './plan.js'

export interface Hunted {
  readonly failures: readonly Failure[]
  readonly tallies: ReadonlyMap<string, Tally>
}

type Told =
  | { readonly type: 'started' }
  | { readonly type: 'failure'; readonly failure: Failure }
  | { readonly type: 'tallies'; readonly tallies: [string, Tally][]; readonly last: boolean }

const MOST_FAILURES = 50
/** Of one kind; the others would say nothing new. */
const MOST_ALIKE = 3
const WATCH_MS = 200
/** One input that takes longer is a hang. */
const HANG_MS = 5000

export interface Hunt {
  readonly seed: number
  readonly inputs: number
  /** Number of the first; 0 unless said. */
  readonly from?: number
  /** A target's name; undefined: all. */
  readonly only?: string | undefined
  /** URL of a module that exports TARGETS; ours unless said. */
  readonly targets?: string
  readonly hangMs?: number
}

/** @param progress told the number of the input in work, a few times a second */
export async function hunt(what: Hunt, progress: (at: number) => void = () => undefined): Promise<Hunted> {
  const { seed, inputs, only, targets: module = new URL('./targets.js', import.meta.url).href, hangMs = HANG_MS } = what
  const targets = await targetsOf(module)
  const failures: Failure[] = []
  const tallies = new Map<string, Tally>()
  let from = what.from ?? 0
  while (from < inputs && failures.length < MOST_FAILURES) {
    const order = { seed, inputs, from, only, targets: module, at: new SharedArrayBuffer(8) }
    const ended = await watched(order, hangMs, failures, tallies, progress)
    if (ended === undefined) break
    const target = planned(targets, seed, ended.index)
    const input = target.input(rngFor(seed, target.name, ended.index))
    failures.push({ target: target.name, ...ended, input })
    from = ended.index + 1
  }
  return { failures, tallies }
}

function added(known: Tally | undefined, more: Tally): Tally {
  if (known === undefined) return more
  const slower = more.slowestMs > known.slowestMs ? more : known
  return {
    inputs: known.inputs + more.inputs,
    accepted: known.accepted + more.accepted,
    ms: known.ms + more.ms,
    slowestMs: slower.slowestMs,
    slowest: slower.slowest,
    grown: Math.max(known.grown, more.grown),
  }
}

/** One thread, to the end of the inputs or of itself. @returns where and why it ended before the last */
function watched(
  order: Order,
  hangMs: number,
  failures: Failure[],
  tallies: Map<string, Tally>,
  progress: (done: number) => void,
): Promise<{ index: number; why: string } | undefined> {
  const at = new Float64Array(order.at)
  at[0] = order.from
  const thread = new Worker(new URL('./thread-main.js', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  })
  let index = order.from
  let since: number | undefined
  let started = false
  /** Judged so, and ended: until it is, it may go on to the next. */
  let hung: number | undefined
  let wrong: string | undefined
  const watch = setInterval(() => {
    const now = at[0] as number
    if (now !== index || since === undefined) [index, since] = [now, performance.now()]
    progress(index)
    if (performance.now() - since < hangMs || hung !== undefined || !started) return
    hung = index
    void thread.terminate()
  }, WATCH_MS)
  return new Promise((resolve) => {
    let whole = false
    thread.on('message', (told: Told) => {
      if (told.type === 'started') return void (started = true)
      if (told.type === 'failure') {
        const { target, why } = told.failure
        if (failures.filter((known) => known.target === target && known.why === why).length < MOST_ALIKE)
          failures.push(told.failure)
        if (failures.length >= MOST_FAILURES) void thread.terminate()
        return
      }
      whole = told.last
      for (const [name, tally] of told.tallies) tallies.set(name, added(tallies.get(name), tally))
    })
    thread.on('error', (error) => (wrong = `ends the thread: ${error.message}`))
    thread.on('exit', () => {
      clearInterval(watch)
      const why = hung !== undefined ? `takes longer than ${hangMs / 1000} s` : (wrong ?? 'ends the thread')
      resolve(whole || failures.length >= MOST_FAILURES ? undefined : { index: hung ?? (at[0] as number), why })
    })
  })
}
