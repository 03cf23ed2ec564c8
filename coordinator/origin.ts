// Where a run begins: with its own newest checkpoint, with the model of another, or with nothing; and which checkpoint an
// evaluation is of. Whatever does not belong to this run is refused here, before a worker is asked for anything.
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Manifest } from '../shared/checkpoint/manifest.js'
import type { RunConfig } from '../shared/config/run-config.js'
import { CheckpointRefused } from '../shared/errors.js'
import type { CoordinatorOptions, EvaluationOptions } from '../shared/ports.js'
import { baseOf, checkSameBase, type BaseModel } from './base.js'
import type { OpenedSource } from './data/open.js'
import { resultsIn } from './report/run-folder.js'
import { checkSameRun } from './same-run.js'
import { latestCheckpoint, openCheckpoint, type Checkpoint } from './store/checkpoint-reader.js'
import { cleanLeftovers, listCheckpoints, makeRoot, removeCheckpoint } from './store/folders.js'

export type Hashes = Pick<Manifest, 'identityHash' | 'layoutHash' | 'dataHash'>

export interface Origin {
  /** What the run goes on from, or whose answers are wanted; undefined at the very beginning. */
  readonly checkpoint: Checkpoint | undefined
  /** The model named to begin with; a run that has a checkpoint does not need it any more. */
  readonly base: BaseModel | undefined
}

/**
 * @param folder of the run
 * @param fresh forget what the run has learned
 * @throws CheckpointRefused if it is damaged, or of another run
 */
export async function originOf(
  options: CoordinatorOptions,
  folder: string,
  data: OpenedSource,
  hashes: Hashes,
  fresh: boolean,
): Promise<Origin> {
  const { config, evaluation, out } = options
  const base = options.base === undefined ? undefined : await baseOf(options.base, config)
  if (evaluation !== undefined) {
    await makeRoot(evaluation.to)
    const checkpoint = base === undefined ? await named(evaluation, config, hashes) : undefined
    if (checkpoint !== undefined) out.line(`evaluating step ${checkpoint.manifest.step}: ${checkpoint.dir}`)
    else out.line(`evaluating the model of ${base?.dir}, which never met these tasks`)
    out.line(`asked: ${data.evaluation.description}`)
    return { checkpoint, base }
  }
  const checkpoint = await resumable(options, folder, hashes, base, fresh)
  if (checkpoint === undefined && base !== undefined)
    out.line(`beginning with the model of ${base.dir}; new puzzles begin with the mean of its rows`)
  return { checkpoint, base }
}

/** The checkpoint to evaluate. */
async function named({ checkpoint: dir }: EvaluationOptions, config: RunConfig, hashes: Hashes): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(dir)
  await mustMatch(checkpoint, config, hashes, undefined)
  return checkpoint
}

async function mustMatch(
  checkpoint: Checkpoint,
  config: RunConfig,
  hashes: Hashes,
  base: BaseModel | undefined,
): Promise<void> {
  try {
    checkSameRun(checkpoint.manifest, checkpoint.dir, config, hashes)
    if (base !== undefined) checkSameBase(checkpoint.manifest, checkpoint.dir, base)
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

/** The newest whole checkpoint of this run; undefined to begin at step 0. */
async function resumable(
  { config, out }: CoordinatorOptions,
  folder: string,
  hashes: Hashes,
  base: BaseModel | undefined,
  fresh: boolean,
): Promise<Checkpoint | undefined> {
  for (const name of await cleanLeftovers(folder)) out.line(`removed the unfinished ${name}`)
  if (fresh) {
    const old = await listCheckpoints(folder)
    for (const { dir } of old) await removeCheckpoint(folder, basename(dir))
    for (const name of await resultsIn(folder)) await rm(join(folder, name), { force: true })
    if (old.length > 0) out.line(`--fresh: ${old.length} older checkpoints of this run are gone`)
    return undefined
  }
  const { checkpoint, skipped } = await latestCheckpoint(folder)
  for (const { dir, why } of skipped) out.line(`passed over ${dir}: ${why}`)
  if (checkpoint === undefined) {
    if (skipped.length > 0)
      throw new CheckpointRefused(
        `no checkpoint in ${folder} can be used (${skipped[0]!.why})`,
        'repair or remove them, or start over with --fresh',
      )
    return undefined
  }
  await mustMatch(checkpoint, config, hashes, base)
  out.line(`resuming from step ${checkpoint.manifest.step}: ${checkpoint.dir}`)
  return checkpoint
}
