// Flags from the schema: every setting is `--section.key VALUE`, some have a short name too. Nothing is listed by hand.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { SETTINGS } from '../../shared/config/schema.js'
import type { PresetName, Setting } from '../../shared/config/schema.js'
import { ConfigError } from '../../shared/errors.js'
import type { CliContext } from './context.js'

const HEADINGS: Readonly<Record<string, string>> = {
  preset: 'Run:',
  run: 'Run:',
  model: 'Model:',
  data: 'Data:',
  train: 'Training:',
  reduce: 'All-reduce:',
  cluster: 'Cluster:',
  checkpoint: 'Checkpoints:',
  evaluate: 'Evaluation:',
  bus: 'NATS:',
  metrics: 'Metrics:',
}

const PLACEHOLDERS: Readonly<Record<Setting['kind'], string>> = {
  integer: 'N',
  number: 'X',
  text: 'NAME',
  path: 'PATH',
  source: 'NAME|FOLDER',
}

const ENV_NOTE =
  'Every setting is a variable too: --model.hCycles is TRMESH_MODEL_H_CYCLES. Presets change the defaults; see --print-config.'

function optionOf({ key, section, alias, kind, doc, choices }: Setting): Option {
  const long = `--${key}`
  const names = alias === undefined || alias === key ? long : `--${alias}, ${long}`
  // Not commander's own choices(): what is wrong with settings, compile.ts says, for all of them at once.
  const allowed = choices === undefined ? '' : ` (${choices.join(', ')})`
  return new Option(`${names} <${PLACEHOLDERS[kind]}>`, `${doc}${allowed}`).helpGroup(HEADINGS[section] ?? 'Options:')
}

/** Adds `--config` and the flags of the settings for which `wanted` holds. */
export function addSettings(command: Command, wanted: (setting: Setting) => boolean = () => true): Command {
  command.addOption(
    new Option('--config <FILE>', 'JSON file of settings: {"model": {"hidden": 64}, ...}').helpGroup('Run:'),
  )
  for (const setting of SETTINGS.filter(wanted)) command.addOption(optionOf(setting))
  return command.addHelpText('after', `\n${ENV_NOTE}`)
}

export interface GivenConfig {
  readonly config: RunConfig
  /** Somebody named the run: a flag, the environment or a file. */
  readonly namesRun: boolean
}

/**
 * The configuration of a command that `addSettings` prepared.
 * @param saved of a run, taken in place of `--config`
 * @throws ConfigError
 */
export function configOf(
  command: Command,
  context: CliContext,
  preset: PresetName = 'tiny',
  saved?: { readonly path: string; readonly text: string },
): GivenConfig {
  const options = command.opts<Record<string, string | undefined>>()
  const flags: Record<string, string> = {}
  for (const { key } of SETTINGS) {
    const value = options[key]
    if (value !== undefined) flags[key] = value
  }
  const absolute = (path: string): string => resolve(context.cwd, path)
  const path = options['config']
  const named = path === undefined ? saved : { path, text: readConfig(absolute(path), path) }
  const file = named === undefined ? {} : { file: named }
  const config = compileConfig({ preset, ...file, env: context.env, flags, absolute })
  const namesRun = path !== undefined || 'run.id' in flags || context.env['TRMESH_RUN_ID'] !== undefined
  return { config, namesRun }
}

function readConfig(path: string, shown: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new ConfigError(`cannot read the configuration file ${shown}: ${why}`, 'name a file that exists', { cause })
  }
}
