// The configuration that a checkpoint was written with, complete again: its manifest holds it as settings.
import { compileConfig } from '../config/compile.js'
import type { RunConfig } from '../config/run-config.js'
import type { Manifest } from './manifest.js'

/**
 * @param source where the manifest lies, for messages
 * @param flags settings to change, by dotted key, as typed
 * @throws ConfigError if this version does not know its settings
 */
export const configurationOf = (
  { config }: Pick<Manifest, 'config'>,
  source: string,
  flags: Readonly<Record<string, string>> = {},
): RunConfig => compileConfig({ preset: 'tiny', file: { path: source, text: JSON.stringify(config) }, env: {}, flags })
