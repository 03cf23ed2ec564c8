// Compiles the configuration: preset < file < environment < flags, checked as a whole, completed with what is derived,
// frozen. All problems are reported at once, each with where its value came from; nothing has started by then.
import { ConfigError } from '../errors.js'
import { crossProblems } from './cross-checks.js'
import { JsonError, parseJson } from './json.js'
import { nearest } from './nearest.js'
import { PRESETS } from './presets.js'
import type { DataConfig, RunConfig } from './run-config.js'
import type { SettingValue } from './leaf.js'
import { checkSettings, nest, PRESET_NAMES, SETTINGS } from './schema.js'
import type { PresetName, Setting } from './schema.js'
import { isNamedSource } from './settings-data.js'

export interface Layers {
  /** Used where neither file, environment nor flags name a preset. */
  readonly preset: PresetName
  /** The configuration file: its text, and the name it goes by in messages. */
  readonly file?: { readonly path: string; readonly text: string }
  /** The environment; names that start with TRMESH_ are settings. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Flags by the dotted key of their setting, as typed. */
  readonly flags: Readonly<Record<string, string>>
  /** Makes a path given by the user absolute; without it, paths stay as they are. */
  readonly absolute?: (path: string) => string
}

interface Given {
  readonly value: unknown
  /** Where it was given: `run.json`, `TRMESH_MODEL_HIDDEN`, `--model.hidden`. */
  readonly from: string
}

/** Characters of a configuration file, at most: far above what all settings take. */
const LONGEST_FILE = 1 << 16

const byKey = new Map(SETTINGS.map((setting) => [setting.key, setting]))
const keys = [...byKey.keys()]
const sections = new Set(SETTINGS.map((setting) => setting.section))
const DERIVED: Readonly<Record<string, string>> = {
  'model.vocab': 'is derived from data.kind; leave it out',
  'model.seqLen': 'is derived from data.canvas; leave it out',
}
/** Variables that Kubernetes invents for a service called trmesh-*. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT)|_PORT_\d+_/
/** Variables about setting up a machine, which no run depends on (deploy/setup/ensure.ts). */
const MACHINE = ['TRMESH_NO_TENSORFLOW', 'TRMESH_TENSORFLOW_WHEEL']

/** Tokens of a kind of data: ARC pads, ends and 10 colours; Sudoku pads, blank and 9 digits; maze pads and 5 (spec 4). */
const VOCAB: Readonly<Record<DataConfig['kind'], number>> = { arc: 12, sudoku: 11, maze: 6 }

/** Throws ConfigError with every problem, one per line. */
export function compileConfig(layers: Layers): RunConfig {
  const problems: string[] = []
  const given = new Map<string, Given>()
  const unknown = (name: string, from: string, known: readonly string[]): void => {
    const near = nearest(name, known)
    problems.push(`${name} (${from}) is not a setting${near === undefined ? '' : `; did you mean ${near}?`}`)
  }

  if (layers.file !== undefined) {
    for (const [key, value] of readFile(layers.file, problems)) {
      if (DERIVED[key] !== undefined) problems.push(`${key} (${layers.file.path}) ${DERIVED[key]}`)
      else if (byKey.has(key)) given.set(key, { value, from: layers.file.path })
      else unknown(key, layers.file.path, keys)
    }
  }
  const envs = SETTINGS.map((setting) => setting.env)
  for (const [name, text] of Object.entries(layers.env)) {
    if (!name.startsWith('TRMESH_') || text === undefined) continue
    const setting = SETTINGS.find((candidate) => candidate.env === name)
    if (setting !== undefined) given.set(setting.key, { value: fromText(setting, text), from: name })
    else if (!SERVICE_LINK.test(name) && !MACHINE.includes(name)) unknown(name, 'environment', envs)
  }
  for (const [key, text] of Object.entries(layers.flags)) {
    const setting = byKey.get(key)
    if (setting !== undefined) given.set(key, { value: fromText(setting, text), from: `--${key}` })
    else unknown(key, 'flags', keys)
  }

  const preset = presetOf(given.get('preset')?.value, layers.preset)
  const values = new Map<string, SettingValue>([['preset', preset], ['run.id', preset], ...flatten(PRESETS[preset])])
  for (const [key, { value, from }] of given) {
    const setting = byKey.get(key)
    if (setting === undefined) continue
    if (typeof value === typeof setting.default) values.set(key, absolutePath(setting, value as SettingValue, layers))
    else problems.push(`${key} is ${shown(value)} (${from}); it must be ${setting.allowed}`)
  }
  const { complete, problems: wrong } = checkSettings(values)
  for (const { key, problem } of wrong) {
    const from = given.get(key)?.from ?? `preset ${preset}`
    problems.push(`${key} is ${shown(values.get(key))} (${from}); it ${problem}`)
  }
  const config = derive(complete)
  if (wrong.length === 0) problems.push(...crossProblems(config))
  if (problems.length > 0) refuse(problems)
  return deepFreeze(config)
}

function refuse(problems: readonly string[]): never {
  const [first = ''] = problems
  const message =
    problems.length === 1
      ? first
      : `${problems.length} problems in the configuration:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`
  throw new ConfigError(
    message,
    'correct it; `--print-config` shows a configuration that is valid, `--help` every setting',
  )
}

/** The file's leaves by dotted key. A file that is not JSON is one problem, with its place. */
function readFile(file: { path: string; text: string }, problems: string[]): [string, unknown][] {
  if (file.text.length > LONGEST_FILE) {
    problems.push(`${file.path} has ${file.text.length} characters: that is no configuration`)
    return []
  }
  try {
    const tree = parseJson(file.text)
    if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
      problems.push(`${file.path} must be a JSON object such as {"preset": "tiny", "model": {"hidden": 64}}`)
      return []
    }
    return Object.entries(tree as Record<string, unknown>).flatMap(([section, node]): [string, unknown][] => {
      const isSection = typeof node === 'object' && node !== null && !Array.isArray(node)
      if (isSection) return Object.entries(node).map(([key, value]): [string, unknown] => [`${section}.${key}`, value])
      if (!sections.has(section) || byKey.has(section)) return [[section, node]]
      problems.push(`${section} (${file.path}) is ${shown(node)}; it must be an object of settings`)
      return []
    })
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    problems.push(`${file.path}:${error.line}:${error.column} is not JSON: ${error.problem}`)
    return []
  }
}

/** A value typed as text, as the setting's own type; text that is no number stays text, and is refused later. */
function fromText(setting: Setting, text: string): SettingValue {
  if (typeof setting.default === 'string') return text
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : text
}

function absolutePath(setting: Setting, value: SettingValue, layers: Layers): SettingValue {
  const isPath = setting.kind === 'path' || (setting.kind === 'source' && !isNamedSource(String(value)))
  // The default is relative to the checkout, wherever it is given: so what is printed feeds back.
  return isPath && value !== '' && value !== setting.default && layers.absolute !== undefined
    ? layers.absolute(String(value))
    : value
}

const presetOf = (value: unknown, otherwise: PresetName): PresetName =>
  PRESET_NAMES.find((name) => name === value) ?? otherwise

const shown = (value: unknown): string => JSON.stringify(value) ?? 'undefined'

/** The leaves of a tree of sections, by dotted key. */
const flatten = (tree: object): [string, SettingValue][] =>
  Object.entries(tree).flatMap(([section, node]) =>
    typeof node === 'object' && node !== null
      ? Object.entries(node as Record<string, SettingValue>).map(([key, value]): [string, SettingValue] => [
          `${section}.${key}`,
          value,
        ])
      : [[section, node as SettingValue]],
  )

/** Adds what follows from other settings; nobody computes it again. */
function derive(complete: Record<string, unknown>): RunConfig {
  const config = complete as unknown as RunConfig
  const { kind, canvas } = config.data
  return { ...config, model: { ...config.model, vocab: VOCAB[kind], seqLen: canvas * canvas } }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}

/** The configuration as text that `--config` reads back to the same configuration: complete, without what is derived. */
export function printConfig(config: RunConfig): string {
  const leaves = flatten(config).filter(([key]) => byKey.has(key))
  return `${JSON.stringify(nest(leaves), null, 2)}\n`
}
