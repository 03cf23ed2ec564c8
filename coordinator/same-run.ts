// May this run go on from that checkpoint? If not, every setting that differs is named.
import { checkMatches, type Manifest } from '../shared/checkpoint/manifest.js'
import { compileConfig } from '../shared/config/compile.js'
import { identityDifferences, identityOf } from '../shared/config/identity.js'
import type { RunConfig } from '../shared/config/run-config.js'
import type { PresetName } from '../shared/config/schema.js'
import { CheckpointRefused, ConfigError } from '../shared/errors.js'

/** @throws CheckpointRefused naming everything that differs */
export function checkSameRun(
  found: Manifest,
  dir: string,
  config: RunConfig,
  hashes: Pick<Manifest, 'identityHash' | 'layoutHash' | 'dataHash'>,
): void {
  const settings = found.identityHash === hashes.identityHash ? [] : differences(found, dir, config)
  if (settings.length === 0) return checkMatches(found, hashes, dir)
  throw new CheckpointRefused(
    `${dir} is of another run: it was trained with ${settings.join(', ')}`,
    'use the configuration it was written with, name another run with --run, or start over with --fresh',
  )
}

function differences(found: Manifest, dir: string, config: RunConfig): string[] {
  try {
    const text = JSON.stringify(found.config)
    const theirs = compileConfig({ preset: config.preset as PresetName, file: { path: dir, text }, env: {}, flags: {} })
    return identityDifferences(identityOf(theirs), identityOf(config))
  } catch (error) {
    // Written by a version with other settings: that it differs is all we can say.
    if (error instanceof ConfigError) return []
    throw error
  }
}
