// The schema: every setting of a run with its meaning, range, default, environment variable and flag (the large sections are in
// settings-*.ts). This is the only file that knows convict. Its keys mirror RunConfig, which the type Settings checks; what is
// derived (vocab, seqLen) has no setting.
import convict from 'convict'
import { isName } from '../ids.js'
import type { Leaf, SettingValue } from './leaf.js'
import { choice, integer, MANY, text } from './leaf.js'
import type { RunConfig } from './run-config.js'
import { DATA_SETTINGS } from './settings-data.js'
import { EVALUATE_SETTINGS } from './settings-evaluate.js'
import { MODEL_SETTINGS } from './settings-model.js'
import { REDUCE_SETTINGS } from './settings-reduce.js'
import { TRAIN_SETTINGS } from './settings-train.js'

/** Where a nats-server listens if nobody says otherwise: on this machine. */
export const DEFAULT_BUS_URL = 'nats://127.0.0.1:4222'

export const PRESET_NAMES = [
  'tiny',
  'arc1',
  'arc2',
  'sudoku-mlp',
  'sudoku-att',
  'sudoku-speed',
  'sudoku-cgar',
  'maze',
  'hybrid-arc1',
  'urm-arc1',
  'hrm-arc1',
  'hrm-sudoku',
  'hrm-maze',
  'sudoku-4x4',
  'sudoku-6x6',
  'maze-7x7',
] as const
export type PresetName = (typeof PRESET_NAMES)[number]

/** The settings of RunConfig: the same sections and keys, without what is derived. */
type Settings = {
  [Section in keyof RunConfig]: RunConfig[Section] extends SettingValue
    ? Leaf
    : { [Key in Exclude<keyof RunConfig[Section], 'vocab' | 'seqLen'>]: Leaf }
}

const isBusUrl = (x: string): boolean => x.split(',').every((url) => /^(nats|tls|ws|wss):\/\/[^\s/]+$/.test(url))

const SCHEMA = {
  preset: choice('Recipe that the other settings start from.', 'tiny', PRESET_NAMES, { alias: 'preset' }),
  run: {
    id: text(
      'Name of the run; the same name resumes it. Default: the name of the preset.',
      'tiny',
      '1 to 64 letters, digits, - or _',
      isName,
      { alias: 'run' },
    ),
    seed: integer('Seed of everything random: initial weights, data order, exploration.', 0, 0, 2 ** 32 - 1, {
      alias: 'seed',
    }),
    dir: text('Folder that holds the runs; a run lies in DIR/ID.', '.trmesh/runs', 'a folder', (x) => x !== '', {
      kind: 'path',
    }),
  },
  model: MODEL_SETTINGS,
  data: DATA_SETTINGS,
  train: TRAIN_SETTINGS,
  reduce: REDUCE_SETTINGS,
  cluster: {
    minWorkers: integer('Training begins, and goes on, with at least this many workers.', 1, 1, 4096),
    heartbeatMs: integer('Milliseconds between heartbeats.', 500, 10, 60_000),
    deadAfterMs: integer(
      'A worker silent for this many milliseconds, or for a quarter of a step if that is longer, is dead.',
      3_000,
      50,
      600_000,
    ),
    balance: choice('Slots: nearly as many for each worker, or as many as its measured speed allows.', 'equal', [
      'equal',
      'speed',
    ]),
  },
  checkpoint: {
    everySteps: integer('Steps between checkpoints.', 1000, 1, MANY),
    keepLast: integer('Newest checkpoints kept.', 3, 1, 10000),
    keepBest: integer('Best checkpoints kept, by evaluation.', 1, 0, 10000),
  },
  evaluate: EVALUATE_SETTINGS,
  bus: {
    url: text(
      'NATS server; several of one cluster with commas.',
      DEFAULT_BUS_URL,
      'a URL such as nats://HOST:4222',
      isBusUrl,
      { alias: 'nats' },
    ),
    credentials: text('NATS credentials file; empty: none.', '', 'a file, or empty', () => true, {
      kind: 'path',
      alias: 'credentials',
    }),
    ca: text(
      "File with the authority that signed the server's certificate: TLS and nothing else, to that server alone; empty: as the server wishes.",
      '',
      'a file, or empty',
      () => true,
      { kind: 'path', alias: 'ca' },
    ),
  },
  metrics: {
    host: text('Address that /metrics and /healthz listen on.', '127.0.0.1', 'an address', (x) => /^[^\s/]+$/.test(x)),
    port: integer('Port of /metrics and /healthz; 0: any free one, printed at start.', 0, 0, 65535, {
      alias: 'metrics-port',
    }),
  },
} satisfies Settings

/** A setting as the command line and the compiler see it. */
export interface Setting extends Omit<Leaf, 'format'> {
  /** Dotted, as in the file: `model.hidden`. */
  readonly key: string
  readonly section: string
  readonly env: string
}

/** model.hCycles -> TRMESH_MODEL_H_CYCLES */
const envOf = (key: string): string =>
  `TRMESH_${key
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`

const isLeaf = (node: unknown): node is Leaf => typeof node === 'object' && node !== null && 'format' in node

const leaves: readonly (readonly [string, Leaf])[] = Object.entries(SCHEMA).flatMap(([section, node]) =>
  isLeaf(node)
    ? [[section, node] as const]
    : Object.entries(node as Record<string, Leaf>).map(([key, leaf]) => [`${section}.${key}`, leaf] as const),
)

const inConvictForm = nest(leaves.map(([key, leaf]) => [key, { ...leaf, env: envOf(key), arg: key }]))

/** Every setting, in the order of the schema. */
export const SETTINGS: readonly Setting[] = leaves.map(([key, { format: _format, ...leaf }]) => ({
  ...leaf,
  key,
  section: key.split('.')[0] ?? key,
  env: envOf(key),
}))

/** Values by dotted key as the nested form of the file. */
export function nest(values: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  const tree: Record<string, unknown> = {}
  for (const [key, value] of values) {
    const [section = key, name] = key.split('.')
    if (name === undefined) tree[section] = value
    else ((tree[section] ??= {}) as Record<string, unknown>)[name] = value
  }
  return tree
}

export interface SettingProblem {
  readonly key: string
  /** A predicate: `must be ...`. */
  readonly problem: string
}

/** `values` (by dotted key, known keys only) completed with the defaults, and everything that is wrong with them. */
export function checkSettings(values: ReadonlyMap<string, SettingValue>): {
  complete: Record<string, unknown>
  problems: readonly SettingProblem[]
} {
  // Environment and arguments are empty here: where values come from is the business of compile.ts.
  const nowhere = { env: {}, args: [] }
  const config = convict<Record<string, unknown>>(inConvictForm as convict.Schema<Record<string, unknown>>, nowhere)
  config.load(nest(values))
  const complete = config.getProperties()
  try {
    config.validate({ allowed: 'strict' })
    return { complete, problems: [] }
  } catch (error) {
    return { complete, problems: (error as Error).message.split('\n').map(problemOf) }
  }
}

/** A line of convict, `model.hidden: must be ...: value was 5`, taken apart. */
function problemOf(line: string): SettingProblem {
  const [, key = 'configuration', problem = line] = /^([\w.]+): (.*?)(?:: value was .*)?$/.exec(line) ?? []
  return { key, problem }
}
