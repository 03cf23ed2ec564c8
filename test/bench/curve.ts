// Is training right, not only one step? The loss curve of ours against the twin's in PyTorch f32: same initial weights, same
// examples, same exploration, hundreds of steps of generated ARC tasks. On a GPU without PyTorch our own engine on the CPU takes its place. Value: mean |difference| over mean loss, in percent;
// ratio: the limit over it. A second twin, whose first weights differ in the seventh digit, shows how far apart mere rounding
// drives two right trainings: updates are nearly signs, so the learning rate is low enough that this stays below the limit.
import { join } from 'node:path'
import { availableParallelism } from 'node:os'
import { openExampleSource } from '../../coordinator/data/open.js'
import { RunError, RunHalted } from '../../shared/errors.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { BenchOptions, Report } from './benchmark.js'
import { startOurs, startTwin, type Contestant } from './peer/contestant.js'
import type { Batch, Build, Precision } from './peer/protocol.js'
import { meanDifference } from './peer/rounds.js'
import { leastOf, presetConfig, withWeights } from './peer/setting.js'
import { checkTwin, cudaTorch, ensureTorch } from './peer/torch.js'

const STEPS = 200
const QUICK_STEPS = 20
const LIMIT_PERCENT = 2
const LEARNING_RATE = '5e-4'
const NUDGE = 2e-7
/** Steps an order: what is told of the way. */
const CHUNK = 20

interface Curve {
  readonly engine: string
  readonly precision: Precision
  /** lm loss of each step, mean over the slots. */
  readonly losses: readonly number[]
}

export async function run(options: BenchOptions, report: Report): Promise<void> {
  const { preset = 'tiny', batch = 32, quick, backend, gpu, note } = options
  let python: string | undefined
  try {
    python = gpu === undefined ? await ensureTorch(process.cwd(), note) : await cudaTorch(gpu)
    await checkTwin(python, note, gpu)
  } catch (error) {
    if (!(error instanceof RunError) || error instanceof RunHalted) throw error
    const why = `${error.message.split('\n')[0]}; ${error.remedy}`
    if (gpu === undefined) return note(`curve: skipped, ${why}`)
    note(`curve: against our engine on the CPU, ${why}`)
  }
  const config = presetConfig(preset, batch, { 'data.source': 'generated', 'train.lr': LEARNING_RATE })
  const { batches, puzzles } = await examples(config, quick ? QUICK_STEPS : STEPS)
  const threads = options.threads ?? availableParallelism()
  const order = { do: 'build', config, backend, gpu: gpu ?? null, threads, puzzles, compiled: false } as const
  const referenceFrom = (nudge: number): Promise<Curve> =>
    withWeights(
      config,
      async (weights) => {
        const [contestant, where] = python === undefined ? [startOurs(), null] : [startTwin(python, gpu), order.gpu]
        const curve = await curveOf(contestant, { ...order, gpu: where, precision: 'f32', weights }, batches, note)
        if (curve === undefined) throw new Error('the reference has no f32')
        return curve
      },
      nudge,
    )
  const reference = await referenceFrom(0)
  const others = await withWeights(config, async (weights) => {
    const curves: Curve[] = []
    for (const precision of ['f32', 'bf16'] as const) {
      const curve = await curveOf(startOurs(gpu), { ...order, precision, weights }, batches, note)
      if (curve !== undefined) curves.push(curve)
    }
    return curves
  })
  const nudged = { ...(await referenceFrom(NUDGE)), engine: `${reference.engine} from weights ${NUDGE} apart` }
  const tell = (curve: Curve): number => {
    const percent = 100 * meanDifference(curve.losses, reference.losses)
    const ends = (of: Curve): string => `${of.losses[0]?.toFixed(3)} to ${of.losses.at(-1)?.toFixed(3)}`
    report({
      config: `${preset}, ${batches.length} steps of ${batch}: ${curve.engine}, ${curve.precision}, against ${reference.engine}, f32`,
      value: percent,
      unit: '%',
      ratio: LIMIT_PERCENT / percent,
      remark: `loss ${ends(curve)}, theirs ${ends(reference)}`,
      more: { limit: LIMIT_PERCENT, ours: curve.losses, peer: reference.losses },
    })
    return percent
  }
  tell(nudged)
  const worst = Math.max(...others.map(tell))
  if (!(worst <= LIMIT_PERCENT))
    throw new RunHalted(
      `a loss curve differs by ${worst.toFixed(2)} %, more than ${LIMIT_PERCENT} %`,
      'run `npm run parity` with this backend: it names the first wrong tensor',
    )
}

/** What arrives at the slots in each step, whether they take it or not: one order for everybody, whoever halts when. */
async function examples(config: RunConfig, steps: number): Promise<{ batches: Batch[]; puzzles: number }> {
  const { slots } = config.train
  const source = await openExampleSource(config.data, config.run.seed, slots, {
    cacheDir: join(process.cwd(), '.trmesh', 'data'),
    threads: 0,
  })
  try {
    const batches: Batch[] = []
    for (let step = 1; step <= steps; step++) {
      const rows = await Promise.all(Array.from({ length: slots }, (_, slot) => source.example(slot, step - 1)))
      batches.push({
        inputs: rows.map(({ inputs }) => Array.from(inputs)),
        labels: rows.map(({ labels }) => Array.from(labels)),
        puzzles: rows.map(({ puzzle }) => puzzle),
        least: leastOf(config, step),
      })
    }
    return { batches, puzzles: source.numPuzzles }
  } finally {
    await source.close()
  }
}

/** undefined if it has not this precision. */
async function curveOf(
  contestant: Contestant,
  order: Build,
  batches: readonly Batch[],
  note: (line: string) => void,
): Promise<Curve | undefined> {
  try {
    const { engine, precision } = await contestant.ask(order)
    if (precision !== order.precision) {
      note(`${engine} has no ${order.precision}`)
      return undefined
    }
    const losses: number[] = []
    for (let from = 0; from < batches.length; from += CHUNK) {
      const answer = await contestant.ask({ do: 'steps', batches: batches.slice(from, from + CHUNK) })
      losses.push(...answer.losses.map(([, lm]) => lm / order.config.train.slots))
      note(`${engine}, ${precision}: ${losses.length} of ${batches.length} steps, loss ${losses.at(-1)?.toFixed(3)}`)
    }
    return { engine: engine.split(',')[0] ?? engine, precision, losses }
  } finally {
    await contestant.end()
  }
}
