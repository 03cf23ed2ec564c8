// `trmesh import`: weights of the official code (spec 7) become a checkpoint that a run goes on from. Cheap questions come
// first: the step, the shapes, whether the run is free; then the data, which must have the table's puzzles.
import { basename, join } from 'node:path'
import { identityHash } from '../../shared/config/identity.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { CheckpointRefused, ConfigError } from '../../shared/errors.js'
import { layoutOf, layoutText } from '../../shared/gradients/layout.js'
import { sha256 } from '../../shared/hash.js'
import type { ImportOptions } from '../../shared/ports.js'
import { openExampleSource } from '../data/open.js'
import { cleanLeftovers, listCheckpoints } from '../store/folders.js'
import { fitWeights, TABLE } from './fit.js'
import { writeImported } from './imported-checkpoint.js'
import { openWeights } from './open-weights.js'
import { progressOn, Stopped } from './pieces.js'
import type { WeightFile } from './weight-file.js'

/** @throws CheckpointRefused, ConfigError, DataError, SystemRefused */
export async function importWeights(options: ImportOptions): Promise<void> {
  const file = await openWeights(options.file)
  try {
    await importFrom(file, options)
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    options.out.line('stopped; nothing was kept')
  } finally {
    await file.close()
  }
}

async function importFrom(file: WeightFile, options: ImportOptions): Promise<void> {
  const { config, signal, out } = options
  const fitted = fitWeights(file.tensors, config.model, file.path)
  const step = options.step ?? file.step ?? stepInName(file.path)
  const folder = join(config.run.dir, config.run.id)
  await checkFree(folder, config)
  const { numPuzzles, dataHash, description } = await dataOf(options)
  const rows = fitted.table?.shape[0]
  const otherSize = rows !== undefined && rows !== numPuzzles
  if (otherSize && options.meanRow !== true)
    throw new CheckpointRefused(
      `${TABLE} of ${file.path} has ${rows} rows, the data has ${numPuzzles} puzzles (${description})`,
      'rows belong to puzzles by number: name the data it was trained on (--preset, --data, --data.augmentations, --data.poolSeed), or begin every puzzle at the mean row with --mean-row',
    )
  const layout = layoutOf(config.model)
  const hashes = { identityHash: identityHash(config), layoutHash: sha256(layoutText(layout)), dataHash }
  const place = { config, layout, hashes, folder, step, created: new Date().toISOString() }
  const { dir, rows: touched } = await writeImported(file, fitted, place, progressOn(signal, out), otherSize)
  out.status('')
  const count = (n: number): string => n.toLocaleString('en')
  out.line(`${file.format} file ${file.path}: ${count(layout.elements)} dense parameters, taken as weights and average`)
  if (otherSize)
    out.line(
      `puzzle table: ${count(rows)} rows, but the data has ${count(numPuzzles)} puzzles: every puzzle begins at the mean of those rows, as in the official loader; what the rows knew of their puzzles is lost; data: ${description}`,
    )
  else if (rows !== undefined)
    out.line(`puzzle table: ${count(rows)} rows, ${count(touched)} of them trained; data: ${description}`)
  if (fitted.ignored.length > 0) out.line(`left out, being made anew: ${fitted.ignored.length} buffers`)
  out.line(`checkpoint of step ${step}: ${dir}`)
  out.line(
    `a run called ${config.run.id} with the same settings goes on from it; its optimizer starts with zero moments`,
  )
}

/** Official files are called step_518071 (spec 7). */
function stepInName(path: string): number {
  const digits = /step[_-](\d{1,15})/.exec(basename(path))?.[1]
  if (digits !== undefined) return Number(digits)
  throw new ConfigError(
    `the name of ${path} does not say after how many optimizer steps it was saved`,
    'give the number with --step, for example --step 518071 (the last of the official ARC-1 run)',
  )
}

/** An import never replaces what a run has learned. */
async function checkFree(folder: string, { run }: RunConfig): Promise<void> {
  await cleanLeftovers(folder)
  const [newest] = await listCheckpoints(folder)
  if (newest === undefined) return
  throw new ConfigError(
    `run ${run.id} has checkpoints of its own, the newest of step ${newest.step}: ${newest.dir}`,
    'name another run with --run, or remove that folder',
  )
}

async function dataOf({ config, root, out }: ImportOptions): Promise<{
  numPuzzles: number
  dataHash: string
  description: string
}> {
  out.status('opening the data')
  const data = await openExampleSource(config.data, config.run.seed, config.train.slots, {
    cacheDir: join(root, '.trmesh', 'data'),
    threads: 0,
    evaluate: config.evaluate,
  })
  await data.close()
  return data
}
