// `trmesh baseline`: TRM and language models measured on one worker's device, in one run, one after the other from small to
// large, and written down. A size that does not fit its memory is left out with the reason.
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { freemem, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { bytesOf } from '../../shared/bytes.js'
import { connectBus } from '../../shared/bus/bus.js'
import { SystemRefused } from '../../shared/errors.js'
import type { Comparison, ComparisonRow } from '../../shared/language/comparison.js'
import { activationBytes, LANGUAGE_SHAPES, stateBytes, TUNINGS } from '../../shared/language/shape.js'
import { languageOf, subjectName, type SubjectName } from '../../shared/language/subject.js'
import type { BaselineOptions, CoordinatorOptions } from '../../shared/ports.js'
import { openTasks } from '../data/open.js'
import { machineInWords } from '../report/machine.js'
import { MeasuringCrew } from './crew.js'
import { measuredRow, modelledRow, votedRow, type Ground } from './rows.js'
import { drawSamples, type ComparisonSamples } from './samples.js'
import { comparisonTable } from './table.js'

export type LeadOptions = CoordinatorOptions & { readonly baseline: BaselineOptions }

const mean = (of: readonly number[]): number => of.reduce((sum, x) => sum + x, 0) / of.length
const wallClock = (): string => new Date().toISOString()

/** @throws RunError with a remedy */
export async function leadBaseline(options: LeadOptions): Promise<void> {
  const { config, root, out, baseline, signal } = options
  const load = loadavg()[0] ?? 0
  const { folder, origin } = await openTasks(config.data, join(root, '.trmesh', 'data'))
  const samples = drawSamples(
    folder.subsets.flatMap(({ tasks }) => tasks),
    {
      batch: baseline.batch,
      context: baseline.context,
      canvas: config.data.canvas,
      vocab: LANGUAGE_SHAPES['15m'].vocab,
      seed: config.run.seed,
    },
  )
  const ground = groundOf(options, samples)
  out.line(
    `${samples.lengths.length} test pairs of ${origin}, ${Math.round(ground.tokens)} tokens of text each ` +
      `(${Math.round(ground.answerTokens)} of them the answer); ${samples.tooLong} of ${samples.known} are longer than ${baseline.context}`,
  )
  const bus = await connectBus({
    url: config.bus.url,
    credentials: config.bus.credentials,
    ca: config.bus.ca,
    role: 'coordinator',
    name: `trmesh baseline ${config.run.id}`,
    inFlightBytes: config.reduce.inFlightBytes,
  })
  const crew = new MeasuringCrew(
    bus,
    config,
    () => performance.now(),
    (line) => out.line(line),
  )
  signal.onStop(() => crew.abandon())
  try {
    const { backend, device } = await crew.ready()
    const done = await measureAll(crew, subjectsFor(baseline), samples, ground, options)
    const measured = done.rows
    const trm = measured.find(({ subject }) => subject === 'trm')
    const rows = [
      ...measured,
      ...(trm === undefined ? [] : [votedRow(trm, ground)]),
      ...TUNINGS.flatMap((tuning) => modelledRow(tuning, measured, ground) ?? []),
    ]
    const { tokens, promptTokens, answerTokens, testsPerTask, pricePerHour } = ground
    const { batch, context } = baseline
    const comparison: Comparison = {
      ...{ kind: 'trmesh baseline', format: 1, created: wallClock(), machine: machineInWords(), backend, device, load },
      ...{ energy: done.energy, pricePerHour, rows, skipped: done.skipped },
      samples: {
        data: origin,
        batch,
        tokens,
        promptTokens,
        answerTokens,
        testsPerTask,
        context,
        tooLong: samples.tooLong,
      },
    }
    await write(baseline.to, comparison)
    if (baseline.json) out.line(JSON.stringify(comparison))
    else comparisonTable(comparison).forEach((line) => out.line(line))
    if (!baseline.json) out.line(`written: ${baseline.to}; coordinators started from now on tell it to Prometheus`)
  } finally {
    crew.close()
    await bus.flush()
    await bus.close()
  }
}

function subjectsFor({ sizes, tunings }: BaselineOptions): SubjectName[] {
  const language = sizes.flatMap((size) => tunings.map((tuning) => ({ size, tuning })))
  // By memory: the allocator keeps some of what a large one used.
  const bytes = (one: (typeof language)[number]): number => stateBytes(LANGUAGE_SHAPES[one.size], one.tuning)
  return ['trm', ...language.sort((a, b) => bytes(a) - bytes(b)).map(subjectName)]
}

function groundOf({ config, baseline }: LeadOptions, { lengths, prompts, testsPerTask }: ComparisonSamples): Ground {
  return {
    model: config.model,
    tokens: mean(lengths),
    promptTokens: mean(prompts),
    answerTokens: mean(lengths.map((length, i) => length - (prompts[i] ?? 0))),
    testsPerTask,
    pricePerHour: baseline.pricePerHour ?? null,
    votes: config.evaluate.augmentations + 1,
  }
}

/** Bytes that a language model will need, and those there are; undefined: it fits, or the device has a memory of its own. */
function tooLarge(subject: SubjectName, tokens: number, device: string, local: boolean): string | undefined {
  const language = languageOf(subject)
  if (language === undefined || !local || device.startsWith('GPU')) return undefined
  const shape = LANGUAGE_SHAPES[language.size]
  const needs = stateBytes(shape, language.tuning) + activationBytes(shape, tokens, true)
  const free = freemem()
  const inGiB = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
  return needs < free ? undefined : `needs about ${inGiB(needs)} (modelled), ${inGiB(free)} are free`
}

async function measureAll(
  crew: MeasuringCrew,
  subjects: readonly SubjectName[],
  samples: ComparisonSamples,
  ground: Ground,
  { baseline, signal, out }: LeadOptions,
): Promise<{ rows: ComparisonRow[]; skipped: { subject: string; why: string }[]; energy: string }> {
  const rows: ComparisonRow[] = []
  const skipped: { subject: string; why: string }[] = []
  let energy = ''
  const skip = (subject: string, why: string): void => {
    skipped.push({ subject, why })
    out.line(`${subject}: left out: ${why}`)
  }
  const seconds = (baseline.minutes * 60) / subjects.length / 2
  for (const subject of subjects) {
    if (signal.requested) {
      skip(subject, 'asked to stop')
      continue
    }
    const { device } = await crew.ready()
    const why = tooLarge(subject, Math.max(...samples.lengths), device, baseline.local)
    if (why !== undefined) {
      skip(subject, why)
      continue
    }
    out.status(`measuring ${subject}, about ${Math.round(2 * seconds)} s`)
    const measured = await crew.measure({
      subject,
      seconds,
      tokens: bytesOf(samples.tokens),
      lengths: [...samples.lengths],
      prompts: [...samples.prompts],
      inputs: samples.inputs,
      labels: samples.labels,
    })
    if (measured === undefined)
      skip(subject, signal.requested ? 'asked to stop' : 'the worker ended under it; was memory short?')
    else if (measured.failure !== '') skip(subject, measured.failure)
    else {
      energy = measured.energy
      const row = measuredRow(subject, measured, ground)
      rows.push(row)
      out.line(
        `${subject}: ${measured.train.steps} steps in ${measured.train.seconds.toFixed(1)} s, ` +
          `${row.answerSeconds?.toFixed(2) ?? '?'} s per answer grid`,
      )
    }
  }
  if (rows.length === 0) throw new SystemRefused('nothing could be measured', 'see the reasons above')
  return { rows, skipped, energy }
}

async function write(path: string, comparison: Comparison): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.tmp`, `${JSON.stringify(comparison, null, 2)}\n`)
  await rename(`${path}.tmp`, path)
}
