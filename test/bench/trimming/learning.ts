// What trimming does to learning: the same small grids on a canvas four times as large, computed whole and trimmed, at equal
// steps and at equal FLOPs. The grids fill as much of their canvas as those of ARC do of theirs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTasks } from '../../../coordinator/data/open.js'
import { rowsOf, type Grid } from '../../../shared/arc/grid.js'
import { boxAround, keptCount } from '../../../shared/arc/trim.js'
import { compileConfig } from '../../../shared/config/compile.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { flopsOf } from '../../../shared/flops.js'
import { openExampleSource } from '../../../coordinator/data/open.js'
import { trial, type Outcome } from '../recipes/trial.js'

const CANVAS = 12
const GRIDS = 6
const TRIM = 12
const MARGIN = 3
const DRAWS = 2000

/** Generated tasks of small grids, as a folder of task files; the caller removes it. */
async function smallTasks(): Promise<string> {
  const flags = {
    'data.canvas': String(GRIDS),
    'data.generatedFamilies': '8',
    'data.generatedTrainPairs': '32',
    'data.generatedTestPairs': '12',
  }
  const { data } = compileConfig({ preset: 'tiny', env: {}, flags })
  const { folder } = await openTasks(data, '')
  const path = mkdtempSync(join(tmpdir(), 'trmesh-trimming-'))
  const rows = (grid: Grid | undefined): number[][] => (grid === undefined ? [] : rowsOf(grid))
  for (const { name, pairs } of folder.subsets.flatMap(({ tasks }) => tasks)) {
    const of = (split: 'train' | 'test'): unknown[] =>
      pairs.filter((pair) => pair.split === split).map(({ input, output }) => ({ input: rows(input), output: rows(output) })) // prettier-ignore
    writeFileSync(join(path, `${name}.json`), JSON.stringify({ train: of('train'), test: of('test') }))
  }
  return path
}

function configOf(folder: string, trim: number, steps: number, seed: number, margin = 0): RunConfig {
  const flags = {
    'data.source': folder,
    'data.canvas': String(CANVAS),
    'model.trim': String(trim),
    'model.trimMargin': String(margin),
    'train.slots': '16',
    'train.steps': String(steps),
    'train.minutes': '0',
    'run.seed': String(seed),
  }
  return compileConfig({ preset: 'tiny', env: {}, flags })
}

/** FLOPs of a trimmed step as a share of a whole one, over what is drawn. */
async function shareOf(config: RunConfig): Promise<number> {
  const { model, data, train } = config
  const source = await openExampleSource(data, config.run.seed, train.slots, { cacheDir: '', threads: 0 })
  let flops = 0
  for (let i = 0; i < DRAWS; i++) {
    const { inputs, labels } = await source.example(i % train.slots, Math.floor(i / train.slots))
    const kept = keptCount(boxAround(data.canvas, inputs, labels), data.canvas, model.trim)
    flops += flopsOf({ ...model, seqLen: kept }).train / DRAWS
  }
  await source.close()
  return flops / flopsOf(model).train
}

export interface Arm {
  readonly name: string
  readonly steps: number
  readonly outcomes: readonly Outcome[]
}

/** @param steps of the whole canvas */
export async function learn(
  steps: number,
  seeds: number,
  root: string,
  note: (line: string) => void,
): Promise<{ share: number; arms: Arm[] }> {
  const folder = await smallTasks()
  try {
    const share = await shareOf(configOf(folder, TRIM, steps, 0))
    const arms: Arm[] = []
    for (const [name, trim, count, margin] of [
      ['trimmed, equal steps', TRIM, steps, 0],
      ['trimmed, equal FLOPs', TRIM, Math.round(steps / share), 0],
      ['trimmed with random margins, as many steps', TRIM, Math.round(steps / share), MARGIN],
      ['whole canvas', 0, steps, 0],
      ['whole canvas, as many steps as FLOPs gave the trimmed', 0, Math.round(steps / share), 0],
    ] as const) {
      const outcomes: Outcome[] = []
      for (let seed = 0; seed < seeds; seed++) {
        const outcome = await trial(configOf(folder, trim, count, seed, margin), root)
        const at = (accuracy: number | undefined): string => (100 * (accuracy ?? NaN)).toFixed(1)
        note(`${name}, ${count} steps, seed ${seed}: ${at(outcome.accuracy)} % of ${outcome.rows}, expected part alone ${at(outcome.shown)} %, loss ${outcome.loss.toFixed(3)}`) // prettier-ignore
        outcomes.push(outcome)
      }
      arms.push({ name, steps: count, outcomes })
    }
    return { share, arms }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
