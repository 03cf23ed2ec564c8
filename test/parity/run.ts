// Every golden file of a folder against our code. A file says its format; the table says who checks it. A format without a
// checker is named and does not fail: other parts of the house bring theirs by adding a line here.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ActGolden } from './act.js'
import { checkAct } from './act.js'
import type { ArcDataGolden } from './arc-data.js'
import { checkArcData } from './arc-data.js'
import type { EvaluationGolden } from './evaluation.js'
import { checkEvaluation } from './evaluation.js'
import type { GoldenFile } from './golden.js'
import { readJson } from './golden.js'
import type { LossGolden } from './loss.js'
import { checkLoss } from './loss.js'
import type { ModelGolden } from './model-golden.js'
import { checkModel, whyNotChecked } from './model.js'
import { checkModelBf16 } from './model-bf16.js'
import type { OptimGolden } from './optim.js'
import { checkOptim } from './optim.js'
import { Comparison } from './report.js'

/** Compares everything in the file; returns a reason if it cannot check this file at all. */
type Checker = (file: GoldenFile, comparison: Comparison, precision: Precision) => string | undefined

/** What the backend computes in. */
export type Precision = 'f32' | 'bf16'

const CHECKERS: Readonly<Record<string, Checker>> = {
  'trm-parity-model/1': (file, comparison, precision) => {
    const golden = file as GoldenFile<ModelGolden>
    const reason = whyNotChecked(golden.content)
    if (reason !== undefined) return reason
    if (precision === 'bf16') return checkModelBf16(golden, comparison)
    checkModel(golden, comparison)
    return undefined
  },
  'trm-parity-act/1': (file, comparison) => void checkAct(file as GoldenFile<ActGolden>, comparison),
  'trm-parity-loss/1': (file, comparison) => void checkLoss(file as GoldenFile<LossGolden>, comparison),
  'trm-parity-optim/1': (file, comparison) => void checkOptim(file as GoldenFile<OptimGolden>, comparison),
  'trm-parity-arc-data/1': (file, comparison) => void checkArcData(file as GoldenFile<ArcDataGolden>, comparison),
  'trm-parity-evaluation/1': (file, comparison) =>
    void checkEvaluation(file as GoldenFile<EvaluationGolden>, comparison),
  'trm-parity-tensors/1': ({ content }) => `read together with ${(content as { of?: string }).of ?? 'its main file'}`,
}

export interface FileReport {
  readonly name: string
  readonly outcome: 'passed' | 'missed' | 'not checked'
  readonly line: string
}

const percent = (ratio: number): string => (Number.isFinite(ratio) ? ratio.toPrecision(3) : 'infinite')

function checkFile(folder: string, name: string, precision: Precision): FileReport {
  const path = join(folder, name)
  const content = readJson(path) as { format?: string }
  const checker = CHECKERS[content.format ?? '']
  const skipped = (reason: string): FileReport => ({ name, outcome: 'not checked', line: `not checked: ${reason}` })
  if (checker === undefined) return skipped(`no checker for format ${content.format ?? '(none)'}`)
  const comparison = new Comparison()
  let reason: string | undefined
  try {
    reason = checker({ path, folder, content }, comparison, precision)
  } catch (error) {
    return { name, outcome: 'missed', line: `failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}` }
  }
  if (reason !== undefined) return skipped(reason)
  const { ok, ratio, what, compared, notes } = comparison.result()
  const suffix = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  const line = `worst error ${percent(ratio)} of its tolerance, of ${compared} values: ${what}${suffix}`
  return { name, outcome: ok ? 'passed' : 'missed', line }
}

/** One report per JSON file, by name. The tfjs backend must be set. */
export function* checkFolder(
  folder: string,
  precision: Precision = 'f32',
  isWanted: (name: string) => boolean = () => true,
): Generator<FileReport> {
  for (const name of readdirSync(folder).sort())
    if (name.endsWith('.json') && isWanted(name)) yield checkFile(folder, name, precision)
}
