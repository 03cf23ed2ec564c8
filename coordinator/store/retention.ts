// Which checkpoints stay: the newest few and the best few by evaluation. The decision is pure; the deletion can be cut short
// anywhere without leaving half a checkpoint under a final name.
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CheckpointRefused } from '../../shared/errors.js'
import type { CheckpointConfig } from '../../shared/config/run-config.js'
import { readManifest } from './checkpoint-reader.js'
import { errnoOf } from './disk.js'
import { listCheckpoints, removeCheckpoint } from './folders.js'

export interface Kept {
  readonly step: number
  /** Of its evaluation, where there was one; more is better. */
  readonly score: number | undefined
}

/** Of complete checkpoints, those to delete. The newest always stays; of equal scores the newer one is the better. */
export function toDelete<T extends Kept>(
  complete: readonly T[],
  keep: Pick<CheckpointConfig, 'keepLast' | 'keepBest'>,
): T[] {
  const newest = [...complete].sort((a, b) => b.step - a.step)
  const scored = newest.filter(({ score }) => score !== undefined)
  const best = scored.sort((a, b) => b.score! - a.score!).slice(0, keep.keepBest)
  const stay = new Set([...newest.slice(0, Math.max(1, keep.keepLast)), ...best])
  return newest.filter((checkpoint) => !stay.has(checkpoint))
}

/** Deletes what need not stay below `root`. Damaged ones are neither counted nor touched. @returns names of the deleted */
export async function applyRetention(
  root: string,
  keep: Pick<CheckpointConfig, 'keepLast' | 'keepBest'>,
): Promise<string[]> {
  const complete: (Kept & { dir: string })[] = []
  for (const { dir, step } of await listCheckpoints(root)) {
    const found = await quickLook(dir)
    if (found !== undefined) complete.push({ dir, step, score: found.score })
  }
  const deleted: string[] = []
  for (const { dir } of toDelete(complete, keep)) {
    await removeCheckpoint(root, basename(dir))
    deleted.push(basename(dir))
  }
  return deleted
}

/** Has it a manifest, and every file its size? Hashes are for those who want to read it. */
async function quickLook(dir: string): Promise<{ score: number | undefined } | undefined> {
  try {
    const manifest = await readManifest(dir)
    for (const { name, bytes } of manifest.files) if ((await stat(join(dir, name))).size !== bytes) return undefined
    return { score: manifest.evaluation?.score }
  } catch (error) {
    if (error instanceof CheckpointRefused || errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
