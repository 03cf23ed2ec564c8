// How fast does this machine take a step of that run? A few steps of it with fewer samples, on easy generated tasks, in a folder
// that is thrown away: the time of a step does not depend on what the tasks are.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseJournal } from '../../coordinator/report/curves.js'
import { JOURNAL_FILE } from '../../coordinator/report/journal.js'
import { measuredSlots } from '../../coordinator/reproduce/estimate.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { SystemRefused } from '../../shared/errors.js'
import type { LocalOptions } from '../../shared/ports.js'
import { startLocal } from './cluster.js'

const STEPS = 8
/** The first steps warm caches up. */
const WARM = 2

export interface StepSpeed {
  /** Seconds of one sample in one supervision step, all workers together. */
  readonly perSample: number
  readonly slots: number
  readonly steps: number
}

/** The run in short: its network and its optimizer, a few samples of no importance. */
function shortened(config: RunConfig, dir: string, slots: number): RunConfig {
  const { run, data, train, checkpoint, evaluate } = config
  return {
    ...config,
    run: { ...run, id: 'measure-step', dir },
    data: {
      ...data,
      ...{ source: 'generated', augmentations: 0, sampler: 'slots', generatedMinDifficulty: 0, generatedTestBoards: 1 },
      ...{ generatedFamilies: 1, generatedTasksPerFamily: 8, generatedTrainPairs: 2, generatedTestPairs: 1 },
    },
    train: { ...train, slots, steps: STEPS, minutes: 0 },
    checkpoint: { ...checkpoint, everySteps: STEPS },
    evaluate: { ...evaluate, everySteps: 0, augmentations: 0, maxPairs: 1, early: 'off' },
  }
}

/** @throws SystemRefused where it was stopped before it was done, or RunError of the run */
export async function measureStep(
  config: RunConfig,
  machine: Omit<LocalOptions, 'config' | 'fresh'>,
): Promise<StepSpeed> {
  const slots = measuredSlots(config, machine.workers)
  const dir = await mkdtemp(join(tmpdir(), 'trmesh-measure-'))
  const said: string[] = []
  const out = { ...machine.out, isTTY: false, columns: machine.out.columns, line: (text: string) => void said.push(text), status: () => undefined } // prettier-ignore
  try {
    await startLocal({ ...machine, out, config: shortened(config, dir, slots), fresh: true })
    const { steps } = parseJournal(await readFile(join(dir, 'measure-step', JOURNAL_FILE), 'utf8'))
    const times = steps.slice(WARM).map(({ seconds }) => seconds).filter(Number.isFinite).sort((a, b) => a - b) // prettier-ignore
    const middle = times[(times.length - 1) >> 1]
    if (middle === undefined)
      throw new SystemRefused('stopped before a step was measured', 'start it again, or give the speed with --rate')
    return { perSample: middle / slots, slots, steps: times.length }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
