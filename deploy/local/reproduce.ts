// `trmesh reproduce`: says first what a recipe will cost on this machine, then runs it, or goes on with it, and puts what came of it
// beside what was reported. The same command goes on where it stopped.
import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { downloadData } from '../../coordinator/data/download.js'
import { isBoardSet } from '../../coordinator/data/board-sets.js'
import { dataFolder, isDataSet } from '../../coordinator/data/data-sets.js'
import { latestEvaluation } from '../../coordinator/report/run-folder.js'
import { writeReport } from '../../coordinator/report/write-report.js'
import { costOf, durationText, rowsOf, type Cost, type Wishes } from '../../coordinator/reproduce/estimate.js'
import type { Arm, Recipe } from '../../coordinator/reproduce/recipes.js'
import { REPRODUCTION_FILE, reproductionText } from '../../coordinator/reproduce/record.js'
import { reproductionOf, rowOf } from '../../coordinator/reproduce/rows.js'
import { reproductionTerminal } from '../../coordinator/reproduce/terminal.js'
import { listCheckpoints } from '../../coordinator/store/folders.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { ConfigError, RunError, SystemRefused } from '../../shared/errors.js'
import type { LocalOptions } from '../../shared/ports.js'
import { startLocal } from './cluster.js'
import { measureStep } from './measure-step.js'

export interface ReproduceOrder {
  readonly recipe: Recipe
  /** What every arm of it is, in the recipe's order, with what the user changed. */
  readonly configs: readonly RunConfig[]
  readonly fresh: boolean
  /** Only say what it will cost. */
  readonly estimateOnly: boolean
  /** Samples a second of all workers together, where it is known; undefined: measured. */
  readonly rate: number | undefined
  readonly wishes: Wishes
  readonly machine: Omit<LocalOptions, 'config' | 'fresh' | 'evaluation'>
}

/** Three digits that count, without an exponent. */
const figure = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 3 })

const folderOf = ({ run }: RunConfig): string => join(run.dir, run.id)

/** Steps that the newest checkpoint of a run has. */
const doneOf = async (config: RunConfig): Promise<number> => (await listCheckpoints(folderOf(config)))[0]?.step ?? 0

/** Trained and evaluated to its last step. */
const isConcluded = async (config: RunConfig): Promise<boolean> =>
  (await doneOf(config)) >= config.train.steps &&
  (await latestEvaluation(folderOf(config)))?.step === config.train.steps

/** @throws RunError with a remedy */
export async function reproduce(order: ReproduceOrder): Promise<void> {
  const { recipe, configs, machine, fresh } = order
  const { out, signal } = machine
  out.line(`reproduce ${recipe.name}: ${recipe.title}`)
  await estimate(order)
  if (order.estimateOnly) return
  for (const config of configs) await ensureData(config, machine)
  for (const [i, config] of configs.entries()) {
    if (signal.requested) return goOn(order)
    if (!fresh && (await isConcluded(config))) continue
    if (configs.length > 1) out.line(`run ${i + 1} of ${configs.length}: ${recipe.arms[i]?.what ?? ''}`)
    await startLocal({ ...machine, config, fresh })
    if ((await doneOf(config)) < config.train.steps) return goOn(order)
  }
  await conclude(order)
}

const goOn = ({ recipe, machine }: ReproduceOrder): void =>
  machine.out.line(`not done yet: the same command goes on from here (npx trmesh reproduce ${recipe.name} ...)`)

/** Says what is left to do, and what it will cost. */
async function estimate({ recipe, configs, rate, wishes, machine, fresh }: ReproduceOrder): Promise<void> {
  const { out, signal } = machine
  const costs: Cost[] = []
  for (const [i, config] of configs.entries()) {
    const done = fresh ? 0 : await doneOf(config)
    const what = recipe.arms[i]?.what ?? ''
    if (done >= config.train.steps) {
      out.line(`${what}: its ${config.train.steps.toLocaleString('en')} steps are done`)
      continue
    }
    if (rate === undefined) out.status(`measuring a step of ${what}`)
    const speed = rate === undefined ? await measureStep(config, machine) : undefined
    if (signal.requested) return
    const perSample = speed?.perSample ?? 1 / (rate ?? NaN)
    const cost = costOf(config, done, perSample, wishes)
    costs.push(cost)
    const source =
      speed === undefined
        ? `given: ${rate} samples/s`
        : `measured now: ${(1 / perSample).toPrecision(3)} samples/s (median of ${speed.steps} steps of ${speed.slots} samples)`
    const rows = rowsOf(config)
    const asked = rows === undefined ? 'unknown, not counted' : rows.toLocaleString('en')
    out.line(
      `${what}: ${cost.steps.toLocaleString('en')} steps of ${config.train.slots} samples, ${cost.stepSeconds.toPrecision(3)} s each, ` +
        `${durationText(cost.trainHours)}; ${cost.evaluations} evaluation${cost.evaluations === 1 ? '' : 's'} (test rows: ${asked}), ${durationText(cost.evaluationHours)}; ${source}`,
    )
  }
  if (costs.length === 0) return
  const sum = (part: (cost: Cost) => number | undefined): number => costs.reduce((all, cost) => all + (part(cost) ?? 0), 0) // prettier-ignore
  const energy =
    wishes.watts === undefined ? '' : `, ${figure(sum((cost) => cost.kilowattHours))} kWh at ${wishes.watts} W a device`
  const price =
    wishes.price === undefined ? '' : `, cost ${figure(sum((cost) => cost.price))} at ${wishes.price} a device and hour`
  out.line(
    `estimate: ${durationText(sum((cost) => cost.hours))} on ${wishes.devices} device${wishes.devices === 1 ? '' : 's'}${energy}${price} ` +
      '(modelled: time grows with samples and FLOPs; Ctrl-C saves, the same command goes on)',
  )
}

/** Named data that is not here is fetched. @throws SystemRefused or DataError with the other ways */
async function ensureData({ data }: RunConfig, { root, signal, out }: ReproduceOrder['machine']): Promise<void> {
  const { source } = data
  if (!(isBoardSet(source) || isDataSet(source)) || existsSync(join(dataFolder(root), source))) return
  out.line(`the data set ${source} is not here`)
  await downloadData({ name: source, to: undefined, root, signal, out })
  const concept = 'concept-arc'
  if (source.startsWith('arc-agi') && !existsSync(join(dataFolder(root), concept)))
    await downloadData({ name: concept, to: undefined, root, signal, out })
}

/** What came of it: the table, here and in the report of every run. @throws RunError */
async function conclude({ recipe, configs, machine }: ReproduceOrder): Promise<void> {
  const { out } = machine
  const rows = []
  for (const [i, config] of configs.entries()) {
    const arm = recipe.arms[i] as Arm
    const evaluation = await latestEvaluation(folderOf(config))
    if (evaluation === undefined || evaluation.step !== config.train.steps)
      throw new SystemRefused(
        `run ${config.run.id} was trained but not evaluated at its last step`,
        `evaluate it: npx trmesh evaluate --checkpoint ${folderOf(config)}; then the same command again`,
      )
    const published = arm.official && compileConfig({ preset: arm.official, env: {}, flags: {} })
    rows.push(rowOf(arm, recipe.measure, config, published, evaluation))
  }
  const reproduction = reproductionOf(recipe, rows)
  out.line(reproductionTerminal(reproduction))
  for (const config of configs) {
    const file = join(folderOf(config), REPRODUCTION_FILE)
    await write(file, reproductionText(reproduction))
    out.line(`report: ${await writeReport(folderOf(config), new Date().toISOString())}`)
  }
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(`${file}.tmp`, text)
    await rename(`${file}.tmp`, file)
  } catch (cause) {
    if (cause instanceof RunError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`cannot write ${file}: ${why}`, 'name another folder for runs with --run.dir', { cause })
  }
}
