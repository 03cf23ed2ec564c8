// A whole training step of ours against the same step in PyTorch, in one run: forward, backward, SignSGD, AdamATan2, average.
// Both get the same weights and examples and the same number of threads, and take turns; ratios are samples a second of ours
// over theirs, round by round. The same for answers: all supervision steps without gradient. Contestants' own rows compare with the fastest large matrix product measured here in
// that precision, by the modelled FLOPs of a step (shared/flops.ts).
import { availableParallelism, loadavg } from 'node:os'
import type { RunConfig } from '../../shared/config/run-config.js'
import { RunError, RunHalted } from '../../shared/errors.js'
import { flopsOf } from '../../shared/flops.js'
import type { BenchOptions, Report } from './benchmark.js'
import { startOurs, startTwin, type Contestant } from './peer/contestant.js'
import type { Build, Losses, Precision } from './peer/protocol.js'
import { duration, quantile, speedRatio, stepsPerTurn, turnsOf } from './peer/rounds.js'
import { presetConfig, randomBatch, withWeights } from './peer/setting.js'
import { checkTwin, cudaTorch, ensureTorch } from './peer/torch.js'

const ROUNDS = 5
/** Answers a side: one is as long as sixteen steps without backward. */
const ANSWERS = 2
const WARM_UP_STEPS = 2
const MATMUL = { size: 2048, repeats: 10 }
const BATCHES: Readonly<Record<string, { readonly full: number; readonly quick: number }>> = {
  'sudoku-mlp': { full: 64, quick: 8 },
  arc1: { full: 4, quick: 1 },
}
const OTHER_BATCH = { full: 16, quick: 2 }
/** A GPU has work for more: of the official run on four GPUs each had 192 of ARC's 768. */
const GPU_BATCHES: typeof BATCHES = { 'sudoku-mlp': { full: 768, quick: 64 }, arc1: { full: 192, quick: 8 } }
const GPU_MATMUL = 8192
/** Rows of bf16 and f32 differ by rounding; more than this means that the two do not train the same thing. */
const LOSS_TOLERANCE = 0.02

interface Entrant {
  readonly side: 'ours' | 'theirs'
  readonly contestant: Contestant
  readonly engine: string
  readonly precision: Precision
  /** Of the first step. */
  readonly losses: Losses
  readonly perTurn: number
  readonly secondsPerStep: number
  /** Steps done; the next takes the batch after it. */
  done: number
  /** Seconds a step, one value a round. */
  readonly rounds: number[]
  /** Seconds to answer a batch, one value a repeat. */
  answered: readonly number[]
  /** Bytes of memory at the end of its turns. */
  peakBytes: number
}

export async function run(options: BenchOptions, report: Report): Promise<void> {
  const { preset, quick, gpu, alone = false, note } = options
  let python: string | undefined
  try {
    python = gpu === undefined ? await ensureTorch(process.cwd(), note) : await cudaTorch(gpu)
    await checkTwin(python, note, gpu)
  } catch (error) {
    if (!(error instanceof RunError) || error instanceof RunHalted) throw error
    note(`peer: ours alone, ${error.message.split('\n')[0]}; ${error.remedy}`)
  }
  const threads = options.threads ?? availableParallelism()
  const peaks = await matmulPeaks(options, python, threads)
  for (const name of preset === undefined ? Object.keys(BATCHES) : [preset]) {
    const usual = (gpu === undefined ? BATCHES : GPU_BATCHES)[name] ?? OTHER_BATCH
    const batch = options.batch ?? usual[quick ? 'quick' : 'full']
    const config = presetConfig(name, batch)
    const entrants: Entrant[] = []
    const turns = async (of: readonly Entrant[]): Promise<void> => {
      await takeTurns(of, config, options.rounds ?? ROUNDS, note)
      await answers(of, config, quick ? 1 : ANSWERS, note)
      for (const entrant of of) entrant.peakBytes = entrant.contestant.peak()
    }
    try {
      await withWeights(config, async (weights) => {
        for await (const entrant of entering({ ...options, python, threads }, config, weights)) {
          entrants.push(entrant)
          // What is too large to lie on a GPU beside another has it to itself, and its turns in a row.
          if (!alone) continue
          await turns([entrant])
          await entrant.contestant.end()
        }
      })
      sameLosses(entrants, note)
      if (!alone) await turns(entrants)
      tell(entrants, { name, config, threads, peaks }, report)
    } finally {
      await Promise.all(entrants.map(({ contestant }) => contestant.end()))
    }
  }
}

type Entering = BenchOptions & { readonly python: string | undefined; readonly threads: number }

/** On a GPU nobody trains in f32, and ours is slow in it: those kernels are there for parity. */
const precisionsOn = (gpu: number | undefined): readonly Precision[] => (gpu === undefined ? ['f32', 'bf16'] : ['bf16'])

/** Builds and warms up one contestant after the other. */
async function* entering(options: Entering, config: RunConfig, weights: Build['weights']): AsyncGenerator<Entrant> {
  const { backend, gpu, python, threads, eager, note } = options
  const precisions = precisionsOn(gpu)
  const wanted = [
    ...precisions.map((precision) => ({ side: 'ours', precision, compiled: true }) as const),
    ...precisions.map((precision) => ({ side: 'theirs', precision, compiled: true }) as const),
    ...(eager ? precisions.map((precision) => ({ side: 'theirs', precision, compiled: false }) as const) : []),
  ]
  for (const { side, precision, compiled } of wanted) {
    if (side === 'theirs' && python === undefined) continue
    const contestant = side === 'ours' ? startOurs(gpu) : startTwin(python as string, gpu)
    let entered = false
    try {
      const ready = await contestant.ask({
        do: 'build',
        config,
        backend,
        gpu: gpu ?? null,
        precision,
        compiled,
        threads,
        puzzles: config.train.slots,
        weights,
      })
      if (ready.precision !== precision) {
        note(`${ready.engine} has no ${precision}`)
        continue
      }
      note(`${ready.engine}, ${precision}: warming up`)
      const batches = Array.from({ length: WARM_UP_STEPS }, (_, i) => randomBatch(config, i + 1))
      const { seconds, losses } = await contestant.ask({ do: 'steps', batches })
      const secondsPerStep = seconds.at(-1) ?? NaN
      note(`  first step ${duration(seconds[0] ?? NaN)}, second ${secondsPerStep.toFixed(2)} s`)
      entered = true
      yield {
        side,
        contestant,
        engine: ready.engine,
        precision,
        losses: losses[0] ?? [NaN, NaN, NaN],
        perTurn: stepsPerTurn(secondsPerStep),
        secondsPerStep,
        done: WARM_UP_STEPS,
        rounds: [],
        answered: [],
        peakBytes: NaN,
      }
    } catch (error) {
      // On a GPU one side may need more memory than the card has: that is a result, not the end.
      if (gpu === undefined || entered || !(error instanceof RunError)) throw error
      note(`${side}, ${precision}${compiled ? '' : ', eager'}: cannot, ${error.message}`)
    } finally {
      if (!entered) await contestant.end()
    }
  }
}

/** A comparison of two different things would be worthless: says so if the first losses are apart. */
function sameLosses(entrants: readonly Entrant[], note: (line: string) => void): void {
  const theirs = entrants.filter(({ side }) => side === 'theirs')
  if (theirs.length === 0) return
  const reference = (theirs.find(({ precision }) => precision === 'f32') ?? theirs[0])?.losses[0] ?? NaN
  for (const { engine, precision, losses } of entrants) {
    const off = Math.abs(losses[0] / reference - 1)
    if (!(off <= LOSS_TOLERANCE))
      note(`NOT COMPARABLE: the first loss of ${engine}, ${precision}, is ${losses[0]}, of PyTorch ${reference}`)
  }
}

async function takeTurns(
  entrants: readonly Entrant[],
  config: RunConfig,
  rounds: number,
  note: (line: string) => void,
): Promise<void> {
  const round = entrants.reduce((sum, { perTurn, secondsPerStep }) => sum + perTurn * secondsPerStep, 0)
  note(`${rounds} rounds of ${entrants.length} take about ${duration(rounds * round)}`)
  for (const { who } of turnsOf(entrants.length, rounds)) {
    const entrant = entrants[who]
    if (entrant === undefined) continue
    const batches = Array.from({ length: entrant.perTurn }, (_, i) => randomBatch(config, entrant.done + i + 1))
    const { seconds } = await entrant.contestant.ask({ do: 'steps', batches })
    entrant.done += entrant.perTurn
    entrant.rounds.push(quantile(seconds, 0.5))
  }
}

/** Answers a batch a few times, in turn; the first is not timed: it compiles, uploads, warms up. */
async function answers(
  entrants: readonly Entrant[],
  config: RunConfig,
  repeats: number,
  note: (line: string) => void,
): Promise<void> {
  const { inputs, puzzles } = randomBatch(config, 1)
  for (const entrant of entrants) {
    const { seconds } = await entrant.contestant.ask({ do: 'evaluate', inputs, puzzles, repeats: repeats + 1 })
    entrant.answered = seconds.slice(1)
    note(`${entrant.engine.split(',')[0]}, ${entrant.precision}: answers a batch in ${quantile(entrant.answered, 0.5).toFixed(2)} s`) // prettier-ignore
  }
}

type Peaks = Readonly<Partial<Record<Precision, Peak>>>

interface Peak {
  readonly engine: string
  readonly gflopPerSecond: number
}

/** The fastest large product of any engine here, by precision. */
async function matmulPeaks(
  { backend, gpu, note, quick }: BenchOptions,
  python: string | undefined,
  threads: number,
): Promise<Peaks> {
  const best: Partial<Record<Precision, Peak>> = {}
  const repeats = quick ? 3 : MATMUL.repeats
  const size = gpu === undefined ? MATMUL.size : GPU_MATMUL
  const order = { do: 'matmul', backend, gpu: gpu ?? null, size, repeats, threads } as const
  for (const [engine, start] of [
    [`ours (${backend})`, () => startOurs(gpu)],
    ...(python === undefined ? [] : [['PyTorch', () => startTwin(python, gpu)] as const]),
  ] as const)
    for (const asked of precisionsOn(gpu)) {
      const contestant = start()
      try {
        const { gflopPerSecond, precision } = await contestant.ask({ ...order, precision: asked })
        if (precision !== asked) continue
        note(`large product, ${precision}, ${engine}: ${gflopPerSecond.toFixed(0)} GFLOP/s`)
        if (gflopPerSecond > (best[precision]?.gflopPerSecond ?? 0)) best[precision] = { engine, gflopPerSecond }
      } finally {
        await contestant.end()
      }
    }
  return best
}

interface Told {
  readonly name: string
  readonly config: RunConfig
  readonly threads: number
  readonly peaks: Peaks
}

function tell(entrants: readonly Entrant[], { name, config, threads, peaks }: Told, report: Report): void {
  const batch = config.train.slots
  const what = `${name}, batch ${batch}, ${threads} thread${threads === 1 ? '' : 's'}`
  const facts = entrants.map((entrant) => {
    const secondsPerStep = quantile(entrant.rounds, 0.5)
    const gflopPerSecond = peaks[entrant.precision]?.gflopPerSecond ?? NaN
    const gflops = (batch * flopsOf(config.model).train) / secondsPerStep / 1e9
    return {
      entrant,
      short: `${entrant.engine.split(',')[0]} ${entrant.precision}`,
      shown: {
        engine: entrant.engine,
        precision: entrant.precision,
        samplesPerSecond: batch / secondsPerStep,
        secondsPerStep: entrant.rounds,
        peakBytes: entrant.peakBytes,
        gflops,
        ofMatmulPeak: gflops / gflopPerSecond,
        matmulGflopPerSecond: gflopPerSecond,
        firstLoss: entrant.losses[0],
        answersPerSecond: batch / quantile(entrant.answered, 0.5),
        answerSeconds: entrant.answered,
      },
    }
  })
  const load = loadavg()[0]
  for (const { short, shown } of facts)
    report({
      config: `${what}: ${short}, against matmul speed`,
      value: shown.samplesPerSecond,
      unit: 'samples/s',
      ratio: shown.ofMatmulPeak,
      remark: `${shown.gflops.toFixed(0)} GFLOP/s, ${(shown.peakBytes / 1e9).toFixed(2)} GB, ${(shown.peakBytes / batch / 1e6).toFixed(1)} MB a sample`,
      more: shown,
    })
  for (const { short, shown } of facts) {
    const gflops = (shown.answersPerSecond * flopsOf(config.model).answer) / 1e9
    report({
      config: `${what}: ${short}, answers of ${config.model.haltMaxSteps} steps, against matmul speed`,
      value: shown.answersPerSecond,
      unit: 'answers/s',
      ratio: gflops / shown.matmulGflopPerSecond,
      remark: `${gflops.toFixed(0)} GFLOP/s`,
    })
  }
  for (const ours of facts.filter(({ entrant }) => entrant.side === 'ours'))
    for (const peer of facts.filter(({ entrant }) => entrant.side === 'theirs')) {
      const { median, low, high } = speedRatio(ours.entrant.rounds, peer.entrant.rounds)
      report({
        config: `${what}: ${ours.short} against ${peer.short}`,
        value: ours.shown.samplesPerSecond,
        unit: 'samples/s',
        ratio: median,
        remark: `(${low.toFixed(2)} to ${high.toFixed(2)})`,
        more: { ours: ours.shown, peer: peer.shown, spread: [low, high], preset: name, batch, threads, load },
      })
      const answers = speedRatio(ours.entrant.answered, peer.entrant.answered)
      report({
        config: `${what}: answers, ${ours.short} against ${peer.short}`,
        value: ours.shown.answersPerSecond,
        unit: 'answers/s',
        ratio: answers.median,
        remark: `(${answers.low.toFixed(2)} to ${answers.high.toFixed(2)})`,
      })
    }
}
