// Study: throughput and memory. Ours is timed now, with the published comparison's batch of 32 and with the batch of 1 that its
// language model was given; what others reported stands in rows and a column of its own, with what is wrong in comparing.
import { dirname } from 'node:path'
import { BASELINES, type BaselineId } from '../../shared/baselines.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { flopsOf } from '../../shared/flops.js'
import type { EvaluationSet } from '../data/example-source.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import { quietObserver } from '../quiet-observer.js'
import { parseJournal } from '../report/curves.js'
import { plain } from '../report/html/numbers.js'
import { JOURNAL_FILE } from '../report/journal.js'
import { textIn } from '../report/run-folder.js'
import type { Findings, Measured, StudyPicture, StudyTable } from './record.js'
import { efficiencyOf } from './reported.js'
import { Stopwatch, rateOf } from './stopwatch.js'
import type { Study } from './study.js'

/** The published comparison timed TRM with the first, a language model with the second. */
const BATCHES = [32, 1] as const
/** Steps of the journal's end that a training rate is read from. */
const JOURNAL_STEPS = 200

/** Answering first, then training. */
const SHOWN: readonly BaselineId[] = [
  'trm-inference',
  'llama-3-8b-qlora-inference',
  'llama-3.1-8b-inference-nf4',
  'sic-sudoku-speed',
  'llama-3-8b-lora-h100',
  'llama-3.1-8b-qlora-4090',
  'qwen-7b-qlora-a100',
]

export interface Timing {
  readonly what: string
  readonly short: string
  readonly rate: Measured | null
  /** Peak bytes of a worker process. */
  readonly memory: number | null
}

/** Warm-up is a fifth of the timed units, and no less than 4. */
export const warmUp = (batches: number): number => Math.max(4, Math.ceil(batches / 5))

/** The test rows over and over, as many as it takes; answers are thrown away. */
export function timingInquiry(
  rows: number,
  now: () => number,
): Inquiry & { readonly watch: Stopwatch; workers(): number; peak(): number | null } {
  const watch = new Stopwatch(now)
  const peaks = new Map<string, number>()
  const here = new Set<string>()
  return {
    watch,
    workers: () => here.size,
    peak: () => (peaks.size === 0 ? null : Math.max(...peaks.values())),
    observer: {
      ...quietObserver,
      prepared: (worker) => void here.add(worker),
      lost: (worker) => void here.delete(worker),
      beat: (worker, { rss, phase }) => {
        if (phase === 'evaluating') peaks.set(worker, Math.max(rss, peaks.get(worker) ?? 0))
      },
      evaluating: (progress) => watch.progress(progress),
    },
    ask: ({ evaluation }): EvaluationSet => ({
      rows,
      description: `${rows} rows, for their time`,
      row: (index) => evaluation.row(index % evaluation.rows),
      scorer: () => ({ add: () => undefined, arc: () => undefined, finish: () => ({ score: 0, accuracies: [] }) }),
    }),
  }
}

/** What the run's own journal says of training; undefined without one. */
async function trainingOf(
  config: RunConfig,
  run: string,
  seed: number,
  resamples: number,
): Promise<Timing | undefined> {
  const { steps } = parseJournal((await textIn(run, JOURNAL_FILE)) ?? '')
  const seconds = steps.slice(-JOURNAL_STEPS).map((line) => line.seconds).filter(Number.isFinite) // prettier-ignore
  if (seconds.length < 2) return undefined
  const { slots } = config.train
  return {
    what: `training, ${slots} samples a step (the run's journal, its last ${seconds.length} steps)`,
    short: 'training',
    rate: rateOf(seconds.map((s) => 1000 * s), slots, seed, resamples), // prettier-ignore
    memory: null,
  }
}

export function efficiencyFindings(timings: readonly Timing[], config: RunConfig, asked: string): Findings {
  const { seqLen } = config.model
  const scaled = (rate: Measured | null): Measured | null =>
    rate && { value: rate.value * seqLen, low: (rate.low ?? NaN) * seqLen, high: (rate.high ?? NaN) * seqLen }
  const bytes = (value: number | null): Measured | null => (value === null ? null : { value, low: null, high: null })
  const interval = '95 % bootstrap over the times between answers (or steps)'
  const table: StudyTable = {
    title: 'Throughput and memory',
    columns: [
      { title: 'samples', unit: 'per second', interval },
      { title: 'grid positions', unit: 'per second', interval },
      { title: 'peak memory of a worker', unit: 'bytes', interval: '' },
    ],
    rows: [
      ...timings.map(({ what, rate, memory }) => ({
        what,
        measured: [rate, scaled(rate), bytes(memory)],
        reported: [],
      })),
      ...SHOWN.map((id) => {
        const { model, setup, hardware } = BASELINES[id]
        return {
          what: `${model}, ${setup}, ${hardware === 'not stated' ? 'hardware not stated' : hardware}`,
          measured: [null, null, null],
          reported: [efficiencyOf(id)],
        }
      }),
    ],
  }
  return { asked, tables: [table], pictures: pictures(timings), notes: notes(config) }
}

function pictures(timings: readonly Timing[]): StudyPicture[] {
  const bars = (title: string, unit: StudyPicture['unit'], points: StudyPicture['series'][number]['points']) => ({
    ...{ title, along: 'what was timed', kind: 'bars' as const, unit, scale: 'linear' as const },
    labels: timings.map(({ short }) => short),
    series: [{ name: 'this checkpoint', points }],
    reported: [],
  })
  const memory = timings.map(({ memory: value }) => (value === null ? null : { value, low: null, high: null }))
  return [
    bars('Samples per second', 'per second', timings.map(({ rate }) => rate)), // prettier-ignore
    bars('Peak memory of a worker', 'bytes', memory),
  ]
}

function notes({ model, train }: RunConfig): string[] {
  const own = flopsOf(model)
  const official = flopsOf(compileConfig({ preset: 'arc1', env: {}, flags: {} }).model)
  const giga = (flops: number): string => `${plain(flops / 1e9)} GFLOP`
  return [
    `A sample that is answered is one test row taken through all ${model.haltMaxSteps} supervision steps; one that is trained on is one step with its backward pass, ${train.slots} to a step of the run.`,
    'The published 130-fold throughput (31.3 against 0.24 samples/s) sets batch 32 beside batch 1, and a cap of 128 new tokens that cannot print most ARC grids: 0.24 x 128 is about 31 tokens/s, usual for a 4-bit 8B model at batch 1. Beside it belongs our batch of 1.',
    'Tokens of a language model and grid positions of TRM are not one unit. None of the reported figures is of this machine or, unless the checkpoint is of the official size, of this network.',
    `Modelled, not measured: an answer costs ${giga(own.answer)} here, ${giga(official.answer)} at the official ARC size; a training sample ${giga(own.train)} and ${giga(official.train)}.`,
    'Memory is that of the whole worker process on the host (Node, tensor library, weights, activations), as its heartbeats told it; memory of a GPU is not in it.',
    'A busy machine, and workers that share its cores, are slower: mind the load in the last line.',
  ]
}

export const efficiency: Study = {
  name: 'efficiency',
  question: 'How many samples a second, in how much memory, against language models?',
  cost: 'two timed evaluations of a part of the test set, batch 32 and batch 1',
  async run({ config, checkpoint, wishes, ask, now }): Promise<Findings> {
    const { batches, seed, resamples } = wishes
    const warm = warmUp(batches)
    const timings: Timing[] = []
    for (const batch of BATCHES) {
      const rows = batch * (warm + batches)
      const inquiry = timingInquiry(rows, now)
      await ask(inquiry, { ...config, evaluate: { ...config.evaluate, batch, augmentations: 0 } })
      const { watch } = inquiry
      const workers = inquiry.workers()
      timings.push({
        what: `answering, batch ${plain(watch.rowsPerUnit(rows))}, ${workers === 1 ? '1 worker' : `${workers} workers together`}`,
        short: `batch ${plain(watch.rowsPerUnit(rows))}`,
        rate: watch.rate(rows, warm, seed, resamples),
        memory: inquiry.peak(),
      })
    }
    const training = await trainingOf(config, dirname(checkpoint.dir), seed, resamples)
    const asked = `${batches} timed units of work after ${warm} to warm up, for each batch size`
    return efficiencyFindings([...timings, ...(training === undefined ? [] : [training])], config, asked)
  },
}
