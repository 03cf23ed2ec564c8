// npm run bench -- [NAME...] [--json] [--backend B] [--preset P] [--quick]: measures, prints ratios, judges nothing.
// With --json one object a line on stdout. Exits 1 if a benchmark fails, 2 on a name that is none.
import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { describe } from '../../shared/errors.js'
import type { BackendAsked } from '../../worker/backends/choose.js'
import type { Benchmark, Figure } from './benchmark.js'

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  step: () => import('./step.js'),
  allreduce: () => import('./allreduce.js'),
  feed: () => import('./feed.js'),
  memory: () => import('./memory.js'),
  checkpoint: () => import('./checkpoint.js'),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    backend: { type: 'string', default: 'auto' },
    preset: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})

const note = (line: string): void => void process.stderr.write(`${line}\n`)

function print({ bench, config, value, unit, ratio }: Figure): void {
  if (values.json) return console.log(JSON.stringify({ bench, config, value, unit, ratio }))
  const shown = value.toLocaleString('en', { maximumSignificantDigits: 4 })
  const times = ratio === null ? '' : `x ${ratio.toLocaleString('en', { maximumSignificantDigits: 3 })}`
  console.log(`${bench.padEnd(10)} ${config.padEnd(58)} ${shown.padStart(9)} ${unit.padEnd(10)} ${times}`)
}

const names = positionals.length === 0 ? Object.keys(BENCHMARKS) : positionals
const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name))
if (unknown === undefined) {
  const load = loadavg()[0] ?? 0
  note(`${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown CPU'}; Node ${process.versions.node}`)
  if (load > availableParallelism() / 2)
    note(`busy machine: load ${load.toFixed(1)} before the first measurement; trust ratios, not times`)
  const { preset, quick } = values
  const backend = values.backend as BackendAsked // choosing it refuses what is none
  for (const bench of names) {
    try {
      const { run } = await BENCHMARKS[bench]!()
      await run({ backend, preset, quick }, (figure) => print({ bench, ...figure }))
    } catch (error) {
      note(`${bench}: ${describe(error)}`)
      process.exitCode = 1
    }
  }
} else {
  note(`there is no benchmark ${unknown}; there are ${Object.keys(BENCHMARKS).join(', ')}`)
  process.exitCode = 2
}
