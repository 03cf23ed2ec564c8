// A schedule: a way of reducing, so many workers and a few faults, all drawn from one seed, and the run that comes of them
// beside the one without faults.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { rngFor } from '../../../shared/rng/counter.js'
import { configOf, type Flags } from '../../helpers/cluster.js'
import { KEEPING, LOSING, nameOf, OVERTAKING, shuffled, type Fault } from '../faults.js'
import { MODES, type ModeName } from '../modes.js'
import { unusedInWords } from '../sequence.js'
import { VirtualRun, type VirtualResult } from './run.js'

export interface Schedule {
  readonly seed: number
  readonly mode: ModeName
  readonly topology: 'sharded' | 'star'
  readonly workers: number
  readonly losing: boolean
  readonly faults: readonly Fault[]
  readonly steps: number
}

export interface ScheduleResult extends Pick<
  VirtualResult,
  'suffered' | 'wrong' | 'virtualMs' | 'events' | 'trace' | 'said'
> {
  /** The end was the same bits as without faults; undefined: not comparable. */
  readonly sameBits: boolean | undefined
}

/** A file system in memory, on Linux. */
const MEMORY = '/dev/shm'
const MOST_FAULTS = 4
const STEPS = 72

/** A network that is only arithmetic. */
const TINY: Flags = {
  'model.hidden': 8,
  'model.heads': 1,
  'model.puzzleEmbDim': 8,
  'model.haltMaxSteps': 4,
  'checkpoint.everySteps': 6,
  'evaluate.everySteps': 10,
  'evaluate.batch': 4,
  'cluster.heartbeatMs': 200,
}

/** @param keep places of the faults to keep; undefined: all */
export function scheduleOf(seed: number, keep?: readonly number[]): Schedule {
  const rng = rngFor(seed, 'schedule')
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(rng.uniform() * choices.length)] as T
  const mode = pick(Object.keys(MODES) as ModeName[])
  const topology = rng.uniform() < 0.3 ? 'star' : 'sharded'
  const workers = 2 + Math.floor(rng.uniform() * 2)
  const losing = rng.uniform() < 0.4
  const count = 1 + Math.floor(rng.uniform() * MOST_FAULTS)
  const drawn = shuffled(rng, losing ? [...LOSING, ...OVERTAKING] : [...KEEPING, ...OVERTAKING]).slice(0, count)
  const faults = keep === undefined ? drawn : drawn.filter((_, i) => keep.includes(i))
  return { seed, mode, topology, workers, losing, faults, steps: STEPS }
}

export const inWords = ({ mode, topology, workers, faults }: Schedule): string =>
  `${mode}, ${topology}, ${workers} workers: ${faults.map(nameOf).join('; ')}`

/** Some buckets in every mode, so that every worker sends parts. */
const BUCKET_BYTES = {
  f32: 8192,
  bf16: 4096,
  int8: 2048,
  exact: 8192,
  balanced: 8192,
  local: 8192,
} as const satisfies Record<ModeName, number>

const configFor = ({ mode, topology, workers, losing, steps }: Schedule, dir: string): RunConfig =>
  configOf({
    ...TINY,
    'train.steps': steps,
    ...MODES[mode].flags,
    'reduce.bucketBytes': BUCKET_BYTES[mode],
    ...(mode === 'local' ? { 'reduce.localSteps': 2 } : {}),
    ...{ 'reduce.topology': topology, 'run.dir': dir, 'run.id': 'r' },
    'cluster.minWorkers': losing ? 1 : workers,
    'cluster.deadAfterMs': losing ? 1500 : 8000,
  })

/** Runs schedules, and remembers the runs without faults. */
export class Schedules {
  private readonly calm = new Map<string, VirtualResult>()
  /** Where checkpoints are written: memory, where there is some. */
  private readonly folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'trmesh-virtual-'))
  private runs = 0

  /** A fault whose moment did not come before the end gets a run of twice the steps. */
  async run(schedule: Schedule): Promise<ScheduleResult> {
    const result = await this.one(schedule)
    const early = result.wrong.length === 0 && result.unused.length > 0
    if (!early) return this.compared(schedule, result)
    const longer = { ...schedule, steps: 2 * schedule.steps }
    return this.compared(longer, await this.one(longer))
  }

  private async compared(schedule: Schedule, run: VirtualResult): Promise<ScheduleResult> {
    const { bits } = MODES[schedule.mode]
    const result = { ...run, wrong: [...run.wrong, ...run.unused.map(unusedInWords)] }
    const comparable =
      result.wrong.length === 0 && bits !== 'none' && (bits === 'any' || !(schedule.losing || result.lost))
    if (!comparable) return { ...result, sameBits: undefined }
    const calm = await this.withoutFaults(schedule)
    const wrong = [...calm.wrong.map((why) => `without faults: ${why}`), ...differences(result, calm)]
    return { ...result, wrong, sameBits: wrong.length === 0 }
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private async one(schedule: Schedule): Promise<VirtualResult> {
    const dir = join(this.folder, `run-${this.runs++}`)
    try {
      const { seed, workers, faults, losing } = schedule
      return await new VirtualRun({ seed, config: configFor(schedule, dir), workers, faults, losing }).run()
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }

  /** In mode exact the same for any number of workers. */
  private async withoutFaults({ mode, topology, workers, steps }: Schedule): Promise<VirtualResult> {
    const crew = MODES[mode].bits === 'any' ? 2 : workers
    const key = `${mode} ${topology} ${crew} ${steps}`
    const known = this.calm.get(key)
    if (known !== undefined) return known
    const calm = await this.one({ seed: 0, mode, topology, workers: crew, losing: false, faults: [], steps })
    this.calm.set(key, calm)
    return calm
  }
}

function differences(result: VirtualResult, calm: VirtualResult): string[] {
  const wrong: string[] = []
  for (const [key, worked] of calm.worked)
    if (result.worked.get(key) !== worked && !(result.lost && !result.worked.has(key))) {
      const [step, slot] = key.split(' ')
      wrong.push(`step ${step}: slot ${slot} worked on ${result.worked.get(key)}, without faults on ${worked}`)
      break
    }
  if (!isDeepStrictEqual(result.end, calm.end)) wrong.push('the end differs from that of the run without faults')
  return wrong
}
