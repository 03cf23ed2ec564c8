// A checkpoint as a command names it: its folder, or that of a run, which means the newest one in there.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MANIFEST_FILE } from '../../shared/checkpoint/manifest.js'
import { CheckpointRefused } from '../../shared/errors.js'
import { readManifest } from './checkpoint-reader.js'
import { listCheckpoints } from './folders.js'

export interface SavedRun {
  /** The checkpoint's folder. */
  readonly dir: string
  readonly run: string
  readonly step: number
  /** The part of its configuration that shapes the numbers, as a configuration file: bus, cluster and metrics are left out. */
  readonly configText: string
}

/** Where the run was led says nothing about where its checkpoint is used. */
const SECTIONS = ['preset', 'run', 'model', 'data', 'train', 'reduce', 'evaluate']

/** Finds it and reads its manifest, not its numbers. @throws CheckpointRefused */
export async function savedRun(named: string): Promise<SavedRun> {
  const dir = existsSync(join(named, MANIFEST_FILE)) ? named : (await listCheckpoints(named))[0]?.dir
  if (dir === undefined)
    throw new CheckpointRefused(
      `${named} is no checkpoint, and there is none in it`,
      'name a folder such as .trmesh/runs/tiny/step-00000600, or that of a run',
    )
  const { run, step, config } = await readManifest(dir)
  const kept = Object.entries(config).filter(([section]) => SECTIONS.includes(section))
  return { dir, run, step, configText: JSON.stringify(Object.fromEntries(kept)) }
}
