// npm run bench -- [NAME...] [--json] [--backend B] [--preset P] [--quick]: measures, prints ratios, judges nothing.
// Some also take --batch N, --threads N, --rounds N, --eager, --alone; recipes takes --task, --only and --seeds. Those that take long run only when named. With --json one object a line on stdout. Exits 1 if a benchmark fails, 2 on a name that is none.
import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { ConfigError, describe } from '../../shared/errors.js'
import type { BackendAsked } from '../../worker/backends/choose.js'
import type { Benchmark, Figure } from './benchmark.js'

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  step: () => import('./step.js'),
  allreduce: () => import('./allreduce.js'),
  feed: () => import('./feed.js'),
  evaluation: () => import('./evaluation.js'),
  memory: () => import('./memory.js'),
  checkpoint: () => import('./checkpoint.js'),
  voting: () => import('./voting.js'),
  iothread: () => import('./iothread.js'),
  peer: () => import('./peer.js'),
  curve: () => import('./curve.js'),
  generators: () => import('./generators.js'),
  recipes: () => import('./recipes.js'),
  trimming: () => import('./trimming.js'),
  'slow-lines': () => import('./slow-lines.js'),
}
/** They take many minutes, or build another library first. */
const ONLY_BY_NAME = ['peer', 'curve', 'recipes', 'trimming', 'slow-lines']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    backend: { type: 'string', default: 'auto' },
    preset: { type: 'string' },
    quick: { type: 'boolean', default: false },
    eager: { type: 'boolean', default: false },
    batch: { type: 'string' },
    threads: { type: 'string' },
    rounds: { type: 'string' },
    task: { type: 'string' },
    only: { type: 'string' },
    gpu: { type: 'string' },
    alone: { type: 'boolean', default: false },
    seeds: { type: 'string' },
  },
})

const note = (line: string): void => void process.stderr.write(`${line}\n`)

/** A whole number above 0; undefined stays so. */
function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d*$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new ConfigError(`--${name} ${text} is no number of ${name}`, `give a whole number above 0, such as --${name} 2`)
}

/** Which GPU, from 0; undefined stays so. */
function gpuOf(text: string | undefined): number | undefined {
  if (text === undefined || /^\d+$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new ConfigError(`--gpu ${text} is no number of a GPU`, 'give one that `nvidia-smi` shows, such as --gpu 0')
}

function print({ bench, config, value, unit, ratio, remark, more }: Figure): void {
  if (values.json) return console.log(JSON.stringify({ bench, config, value, unit, ratio, ...more }))
  const shown = value.toLocaleString('en', { maximumSignificantDigits: 4 })
  const times = ratio === null ? '' : `x ${ratio.toLocaleString('en', { maximumSignificantDigits: 3 })}`
  const line = `${bench.padEnd(10)} ${config.padEnd(58)} ${shown.padStart(9)} ${unit.padEnd(10)} ${times}`
  console.log(remark === undefined ? line : `${line}  ${remark}`)
}

const usual = Object.keys(BENCHMARKS).filter((name) => !ONLY_BY_NAME.includes(name))
const names = positionals.length === 0 ? usual : positionals
const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name))
if (unknown === undefined) {
  const load = loadavg()[0] ?? 0
  note(`${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown CPU'}; Node ${process.versions.node}`)
  if (load > availableParallelism() / 2)
    note(`busy machine: load ${load.toFixed(1)} before the first measurement; trust ratios, not times`)
  const { preset, quick, eager } = values
  const backend = values.backend as BackendAsked // choosing it refuses what is none
  for (const bench of names) {
    try {
      const { run } = await BENCHMARKS[bench]!()
      const [batch, threads, rounds, seeds] = [
        count('batch', values.batch),
        count('threads', values.threads),
        count('rounds', values.rounds),
        count('seeds', values.seeds),
      ]
      const { task, only, alone } = values
      const gpu = gpuOf(values.gpu)
      const options = { backend, gpu, alone, preset, quick, eager, batch, threads, rounds, task, only, seeds, note }
      await run(options, (figure) => print({ bench, ...figure }))
    } catch (error) {
      note(`${bench}: ${describe(error)}`)
      process.exitCode = 1
    }
  }
} else {
  note(`there is no benchmark ${unknown}; there are ${Object.keys(BENCHMARKS).join(', ')}`)
  process.exitCode = 2
}
