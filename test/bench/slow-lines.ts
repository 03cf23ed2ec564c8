// What do slow lines cost, and what does sending less? Two workers in one process (slow-lines/crew.ts) learn a small task with
// gradients in f32, bf16 and int8 and with local steps (DiLoCo), in equally many supervision steps, over some seeds. Value:
// loss of the cells over the last tenth; ratio: bytes of bf16 over its own. Then, modelled: from which line speed on bf16 is faster.
// What was measured before is not measured again (.trmesh/slow-lines.json).
//   npm run bench -- slow-lines [--task NAME] [--seeds N] [--only NAME,NAME] [--threads N]
import { join } from 'node:path'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { PresetName } from '../../shared/config/schema.js'
import { ConfigError } from '../../shared/errors.js'
import { selectBackend } from '../../worker/backends/choose.js'
import type { BenchOptions, Report } from './benchmark.js'
import { Book, keyOf } from './recipes/book.js'
import { difference, estimate, MOST_SEEDS, type Estimate } from './recipes/verdict.js'
import { learnTogether, type Learned, type Traffic } from './slow-lines/crew.js'

const WORKERS = 2
const SEEDS = 3
/** Rounds of 16 in these: 20 or more, as the momentum of the outer step needs some ten to build up. */
const STEPS: Readonly<Record<string, number>> = { 'sudoku-4x4': 320, 'sudoku-6x6': 640, 'maze-7x7': 640, tiny: 1280 }
const QUICK_STEPS = 16
/** Of a line, one way at a time; and what a message takes across it and back. */
const LINES_MBIT = [1, 10, 100, 1000]
const ROUND_TRIP_SECONDS = 0.05
/** Waits for an answer in a step or round: rows and begin, parts, means, vote and commit. */
const TRIPS = 2

type Flags = Readonly<Record<string, string>>
/** `average`: after its steps alone everybody goes on from the mean of all, without momentum. */
const MODES: Readonly<Record<string, Flags>> = {
  f32: { 'reduce.wire': 'f32' },
  bf16: {},
  int8: { 'reduce.wire': 'int8' },
  'local 4 bf16': { 'reduce.localSteps': '4' },
  'local 16 bf16': { 'reduce.localSteps': '16' },
  'average 4 bf16': { 'reduce.localSteps': '4', 'reduce.outerLr': '1', 'reduce.outerMomentum': '0' },
  'local 16 int8': { 'reduce.localSteps': '16', 'reduce.wire': 'int8' },
}
const YARDSTICK = 'bf16'

const total = ({ gradients, rows, examples }: Traffic): number => gradients + rows + examples

export async function run(options: BenchOptions, report: Report): Promise<void> {
  const { note, quick, seeds = quick ? 1 : SEEDS, task = 'sudoku-4x4' } = options
  const steps = quick ? QUICK_STEPS : STEPS[task]
  if (steps === undefined) throw new ConfigError(`there is no task ${task}`, `take one of ${Object.keys(STEPS).join(', ')}`) // prettier-ignore
  if (seeds > MOST_SEEDS) throw new ConfigError(`--seeds ${seeds} is more than ${MOST_SEEDS}`, 'take fewer')
  const names = options.only?.split(',').map((name) => name.trim()) ?? Object.keys(MODES)
  const root = process.cwd()
  const engine = await selectBackend(options.backend, { root, threads: options.threads ?? 1 })
  note(`${engine.name} ${engine.precision}, ${task}, ${steps} steps, ${WORKERS} workers, ${seeds} seeds`)

  const book = new Book<Learned>(join(root, '.trmesh', 'slow-lines.json'))
  const learned = async (name: string): Promise<Learned[]> => {
    const all: Learned[] = []
    for (let seed = 0; seed < seeds; seed++) {
      const config = configOf(task, name, steps, seed)
      const key = keyOf(config, `${engine.name} ${engine.precision}, ${WORKERS} workers`)
      let one = book.find(key)
      if (one === undefined) {
        one = await learnTogether(config, WORKERS, root)
        book.add(key, `${task}, ${name}, ${steps} steps, seed ${seed}, ${engine.name} ${engine.precision}`, one)
      }
      note(`${name}, seed ${seed}: loss ${one.loss.toFixed(4)}, ${(100 * one.accuracy).toFixed(1)} % solved`)
      all.push(one)
    }
    return all
  }
  const base = await learned(YARDSTICK)
  for (const name of names) {
    const ours = name === YARDSTICK ? base : await learned(name)
    const [first, rival] = [ours[0]!, base[0]!]
    const apart = difference(ours.map(({ loss }) => loss), base.map(({ loss }) => loss)) // prettier-ignore
    const solved = estimate(ours.map(({ accuracy }) => 100 * accuracy))
    const { gradients, rows, examples } = first.trafficPerStep
    const config = configOf(task, name, steps, 0)
    report({
      config: `${task}, ${steps} steps: ${name}`,
      value: estimate(ours.map(({ loss }) => loss)).mean,
      unit: 'loss',
      ratio: total(rival.trafficPerStep) / total(first.trafficPerStep),
      remark: [
        name === YARDSTICK ? '' : `${spoken(apart, 4)} against ${YARDSTICK}`,
        `solved ${spoken(solved, 1)} %`,
        `bytes a step and worker: gradients ${Math.round(gradients)}, rows and results ${Math.round(rows)}, examples ${Math.round(examples)}`,
        `modelled steps/s at ${LINES_MBIT.join(', ')} Mbit/s: ${LINES_MBIT.map((line) => modelled(first, config, line).toFixed(2)).join(', ')}`,
      ].join('; '),
      more: { seeds, losses: ours.map(({ loss }) => loss), solved, apart, traffic: first.trafficPerStep },
    })
  }
}

function configOf(task: string, name: string, steps: number, seed: number): RunConfig {
  const own = MODES[name]
  if (own === undefined) throw new ConfigError(`there is no mode ${name}`, `take of ${Object.keys(MODES).join(', ')}`)
  const flags = { ...own, 'train.minutes': '0', 'train.steps': String(steps), 'run.seed': String(seed) }
  return compileConfig({ preset: task as PresetName, env: {}, flags })
}

/** Steps a second of a worker with a processor to itself at the end of a line: measured compute, modelled line. */
function modelled({ computeSeconds, trafficPerStep }: Learned, { reduce }: RunConfig, mbit: number): number {
  const line = (8 * total(trafficPerStep)) / (mbit * 1e6)
  return 1 / (computeSeconds + line + (TRIPS * ROUND_TRIP_SECONDS) / reduce.localSteps)
}

function spoken({ mean, low, high }: Estimate, digits: number): string {
  const range = Number.isFinite(low) ? `(${low.toFixed(digits)} to ${high.toFixed(digits)})` : '(one seed)'
  return `${mean.toFixed(digits)} ${range}`
}
