// What sequence trimming saves (shared/arc/trim.ts): sizes and modelled FLOPs of the official tasks as they are drawn, solutions that
// a guess of the size at test time loses, samples per second against the whole canvas, and what is learned at equal steps and FLOPs.
//   npm run bench -- trimming [--only sizes,speed,learning] [--rounds N] [--batch N] [--seeds N] [--threads N]
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { wilson } from '../../shared/wilson.js'
import { selectBackend } from '../../worker/backends/choose.js'
import type { BenchOptions, Report } from './benchmark.js'
import { learn } from './trimming/learning.js'
import { keptCounts, lostBy, RULES, shareOfFlops, sizesOf, squares } from './trimming/sizes.js'
import { speedsOf } from './trimming/speed.js'

const OFFICIAL = resolve('../shared/data')
const CANVAS = 30
const SIDES = [10, 15, 20, 25, 30]
const TRIMS = [25, 50, 100, 300]
/** The width of `arc1`, and that of `tiny`, on the same canvas. */
const WIDTHS = [
  [
    '64 wide, T = 1, n = 3',
    {
      'model.hidden': '64',
      'model.heads': '4',
      'model.hCycles': '1',
      'model.lCycles': '3',
      'model.puzzleEmbLen': '1',
      'model.puzzleEmbDim': '64',
    },
  ],
  ['arc1', {}],
] as const

export async function run(options: BenchOptions, report: Report): Promise<void> {
  const {
    quick,
    note,
    only = 'sizes,speed,learning',
    seeds = quick ? 1 : 3,
    rounds = quick ? 1 : 5,
    batch = 2,
  } = options
  const root = process.cwd()
  const wanted = only.split(',')
  const official = existsSync(OFFICIAL)
  if (!official) note(`no ARC tasks in ${OFFICIAL}: only what is learned is measured`)
  if (official && wanted.includes('sizes'))
    for (const preset of ['arc1', 'arc2'] as const) await sizes(preset, quick, report)
  await selectBackend(options.backend, { root, threads: options.threads ?? 1 })
  if (official && wanted.includes('speed'))
    for (const [width, flags] of WIDTHS)
      for (const speed of await speedsOf([0, 50, 100], { flags, batch, rounds, cacheDir: OFFICIAL }))
        report({
          config: `${width}, ${batch} slots, ${speed.trim === 0 ? 'whole canvas' : `trim ${speed.trim}`}: samples`,
          value: speed.samplesPerSecond,
          unit: '1/s',
          ratio: speed.gain,
          remark: `modelled x ${speed.modelled.toFixed(2)}`,
          more: { ...speed },
        })
  if (!wanted.includes('learning')) return
  const { share, arms } = await learn(quick ? 4 : 60, seeds, root, note)
  for (const { name, steps, outcomes } of arms) {
    const rows = outcomes.reduce((sum, outcome) => sum + outcome.rows, 0)
    const right = (of: (outcome: (typeof outcomes)[number]) => number): number =>
      Math.round(outcomes.reduce((sum, outcome) => sum + of(outcome) * outcome.rows, 0))
    const { low, high } = wilson(right(({ accuracy }) => accuracy), rows) // prettier-ignore
    const shown = right(({ shown }) => shown ?? NaN)
    report({
      config: `6 x 6 on 12 x 12, ${name}, ${steps} steps, ${seeds} seeds`,
      value: (100 * right(({ accuracy }) => accuracy)) / rows,
      unit: '%',
      ratio: null,
      remark: `(${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})${Number.isNaN(shown) ? '' : `, expected part alone ${((100 * shown) / rows).toFixed(1)} %`}; a trimmed step has ${share.toFixed(3)} of the FLOPs`, // prettier-ignore
      more: { steps, outcomes },
    })
  }
}

async function sizes(preset: 'arc1' | 'arc2', quick: boolean, report: Report): Promise<void> {
  const { boxes, corners, tasks } = await sizesOf(preset, OFFICIAL, quick ? 768 : 6144)
  const say = (config: string, cells: readonly number[]): void => {
    const mean = cells.reduce((sum, count) => sum + count, 0) / cells.length
    const share = shareOfFlops(cells, preset)
    const remark = `of the FLOPs ${share.toFixed(3)} (modelled), ${new Set(cells).size} lengths`
    report({ config: `${preset}: cells, ${config}`, value: mean, unit: 'of 900', ratio: 1 / share, remark })
  }
  for (const trim of TRIMS) say(`trim ${trim}`, keptCounts(boxes, CANVAS, trim))
  say('squares of 10, 15, 20, 25, 30 around the box', squares(boxes, SIDES, CANVAS))
  say('the same from the corner of the canvas', squares(corners, SIDES, CANVAS))
  for (const [name, rule] of Object.entries(RULES)) {
    const { pairs, lost, tasks: hit, cells } = lostBy(rule, tasks, CANVAS, 100)
    const remark = `of ${pairs} pairs, in ${hit} of ${tasks.length} tasks; ${shareOfFlops(cells, preset).toFixed(3)} of the FLOPs`
    report({ config: `${preset}: lost at test time, ${name}`, value: lost, unit: 'pairs', ratio: null, remark })
  }
}
