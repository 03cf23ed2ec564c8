// Those who watch a run, put together: terminal, metrics with their scrape targets, the journal, the files of evaluations.
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '../shared/bus/bus.js'
import { SystemRefused } from '../shared/errors.js'
import type { Millis } from '../shared/ids.js'
import type { CoordinatorOptions } from '../shared/ports.js'
import type { OpenedSource } from './data/open.js'
import type { Inquiry } from './evaluate/inquiry.js'
import { savedComparison } from './baseline/saved.js'
import { CoordinatorMetrics } from './metrics.js'
import { all, type Observer } from './observer.js'
import { ConsoleReport } from './report/console.js'
import { evaluationFiles, type EvaluationPlace } from './report/evaluation-files.js'
import { journal } from './report/journal.js'
import { machineInWords } from './report/machine.js'
import { budgetOf } from './run-state.js'
import { Targets, targetsFile } from './report/targets.js'
import { folderName } from './store/folders.js'

export interface Watchers {
  readonly report: Pick<ConsoleReport, 'table'>
  readonly metrics: Pick<CoordinatorMetrics, 'url' | 'watch' | 'lastWords'>
  readonly observer: Observer
  /** Files of the last evaluation. */
  written(): readonly string[]
  /** @param lost the run is led by another coordinator: what it writes stays */
  close(lost: boolean): Promise<void>
}

export interface WatchOptions {
  readonly coordinator: CoordinatorOptions
  readonly bus: Bus
  readonly data: OpenedSource
  /** Of the run. */
  readonly folder: string
  readonly now: () => Millis
  readonly wallClock: () => string
  /** Writes its answers down itself. */
  readonly inquiry: Inquiry | undefined
  /** An evaluation that cannot be written down was in vain; training goes on without. */
  readonly failed: (error: unknown) => void
}

export async function watchersOf({
  coordinator,
  bus,
  data,
  folder,
  inquiry,
  ...ports
}: WatchOptions): Promise<Watchers> {
  const { config, out, evaluation } = coordinator
  const { now, wallClock } = ports
  const { slots, steps } = config.train
  const ownWire = (): number => {
    const { bytesIn, bytesOut } = bus.stats()
    return bytesIn + bytesOut
  }
  const report = new ConsoleReport({ out, now, slots, steps, budget: budgetOf(config.train), ownWire })
  const metrics = await CoordinatorMetrics.serve(config, now)
  const comparison = await savedComparison(config.run.dir, (line) => out.line(line))
  if (comparison !== undefined) metrics.compared(comparison)
  const targets = new Targets({
    run: config.run.id,
    coordinator: { url: metrics.url, host: hostname() },
    file: targetsFile(folder),
    onFailure: (error) => out.line(`the list of scrape targets cannot be written: ${String(error)}`),
  })
  metrics.discover(() => targets.json)
  const lines = journal(folder, slots, wallClock, (error) =>
    out.line(`the journal in ${folder} cannot be written: ${String(error)}`),
  )
  const place = placeOf(folder, evaluation?.to)
  let written: readonly string[] = []
  const files = evaluationFiles({
    config,
    checkpoint: evaluation?.checkpoint ?? null,
    machine: machineInWords(),
    data,
    asked: data.evaluation,
    place,
    now,
    wallClock,
    onWritten: (paths) => (written = paths),
    onFailure: (error) => {
      const why = `the evaluation cannot be written to ${place.sheet}: ${String(error)}`
      if (evaluation === undefined) return out.line(why)
      ports.failed(new SystemRefused(why, 'make room, or name another folder with --to', { cause: error }))
    },
  })
  const writing = inquiry?.observer ?? files
  const watching = [report, metrics, targets.observer, writing, ...(evaluation === undefined ? [lines] : [])]
  return {
    report,
    metrics,
    observer: all(watching),
    written: () => written,
    close: async (lost) => {
      if (!lost) targets.close()
      await metrics.close()
    },
  }
}

/** In the run's folder an evaluation has the number of its step; in one of its own it needs none. */
function placeOf(folder: string, to: string | undefined): EvaluationPlace {
  if (to !== undefined) return { record: () => join(to, 'evaluation.json'), sheet: join(to, 'submission.json') }
  return {
    record: (step) => join(folder, `${folderName(step).replace('step', 'evaluation')}.json`),
    sheet: join(folder, 'submission.json'),
  }
}
