// Writes every evaluation of a run down: evaluation.json, and for ARC the answer sheet beside it, each whole or not at all.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { RunConfig } from '../../shared/config/run-config.js'
import { submission } from '../../shared/arc/submission.js'
import type { Step, WorkerId } from '../../shared/ids.js'
import type { EvaluationResult } from '../evaluate/result.js'
import { evaluationRecord, recordText, type EvaluationFacts } from '../evaluate/record.js'
import type { Observer } from '../observer.js'
import { quietObserver } from '../quiet-observer.js'

export interface EvaluationPlace {
  readonly record: (step: number) => string
  readonly sheet: string
}

export interface FileOptions {
  readonly config: RunConfig
  readonly checkpoint: string | null
  readonly machine: string
  readonly data: { readonly description: string; readonly dataHash: string }
  readonly asked: { readonly description: string; readonly rows: number }
  readonly place: EvaluationPlace
  readonly now: () => number
  readonly wallClock: () => string
  readonly onWritten: (files: readonly string[]) => void
  readonly onFailure: (error: unknown) => void
}

export function evaluationFiles(options: FileOptions): Observer {
  const { config, data, asked, place } = options
  const labels = new Map<WorkerId, string>()
  const workers = new Map<WorkerId, EvaluationFacts['workers'][number]>()
  let began: number | undefined
  const facts = (step: number): EvaluationFacts => ({
    run: config.run.id,
    step,
    checkpoint: options.checkpoint,
    created: options.wallClock(),
    seconds: began === undefined ? 0 : (options.now() - began) / 1000,
    machine: options.machine,
    workers: [...workers.values()],
    data: { source: config.data.source, description: data.description, hash: data.dataHash },
    asked: {
      description: asked.description,
      rows: asked.rows,
      weights: 'moving average (EMA)',
      steps: config.model.haltMaxSteps,
      augmentations: config.evaluate.augmentations,
      maxPairs: config.evaluate.maxPairs,
    },
  })
  return {
    ...quietObserver,
    introduced: ({ worker, label }) => void labels.set(worker, label),
    prepared: (worker, { backend, device, precision }) =>
      void workers.set(worker, { label: labels.get(worker) ?? worker, backend, device, precision }),
    lost: (worker) => void workers.delete(worker),
    evaluating: ({ done }) => {
      if (done === 0) began = options.now()
    },
    evaluated: (step: Step, result: EvaluationResult) => {
      try {
        const files = [place.record(step)]
        write(place.record(step), recordText(evaluationRecord(facts(step), result)))
        if (result.arc !== undefined) {
          const { score, tasks } = result.arc
          const inputs = ({ pairs }: (typeof tasks)[number]): number => pairs.filter((p) => p.split === 'test').length
          const sheet = submission(
            score,
            tasks.map((task) => ({ task: task.name, inputs: inputs(task) })),
          )
          write(place.sheet, `${JSON.stringify(sheet)}\n`)
          files.push(place.sheet)
        }
        options.onWritten(files)
      } catch (error) {
        options.onFailure(error)
      }
    },
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.tmp`, text)
  renameSync(`${path}.tmp`, path)
}
