// The schema: every setting of a run with its meaning, range, default, environment variable and flag. This is the only
// file that knows convict. Its keys mirror RunConfig, which the type SchemaOf checks; what is derived (vocab, seqLen) has
// no setting.
import convict from 'convict'
import { isName } from '../ids.js'
import type { RunConfig } from './run-config.js'

/** Where a nats-server listens if nobody says otherwise: on this machine. */
export const DEFAULT_BUS_URL = 'nats://127.0.0.1:4222'

export const PRESET_NAMES = [
  'tiny',
  'arc1',
  'arc2',
  'sudoku-mlp',
  'sudoku-att',
  'maze',
  'hrm-arc1',
  'hrm-sudoku',
  'hrm-maze',
  'sudoku-4x4',
  'sudoku-6x6',
  'maze-7x7',
] as const
export type PresetName = (typeof PRESET_NAMES)[number]

/** What data.source may be besides a folder, by data.kind. */
export const DATA_SOURCES = {
  arc: ['generated', 'arc-agi-1', 'arc-agi-2', 'concept-arc'],
  sudoku: ['generated', 'sudoku-extreme'],
  maze: ['generated', 'maze-hard'],
} as const satisfies Record<RunConfig['data']['kind'], readonly string[]>

const NAMED_SOURCES: readonly string[] = Object.values(DATA_SOURCES).flat()

/** True for a data source known by name; every other source is a folder. */
export const isNamedSource = (source: string): boolean => NAMED_SOURCES.includes(source)

export type SettingValue = string | number

/** One leaf of the schema, in convict's own form (`default`, `doc`, `format`, `env`, `arg`) and what the help needs. */
interface Leaf {
  readonly doc: string
  readonly default: SettingValue
  /** Throws an Error that says what the value must be. */
  readonly format: (value: unknown) => void
  readonly kind: 'integer' | 'number' | 'text' | 'path' | 'source'
  /** The allowed values in words, for help and messages. */
  readonly allowed: string
  readonly choices?: readonly string[]
  /** Extra flag beside `--section.key`, without dashes. */
  readonly alias?: string
}

/** The settings of RunConfig: the same sections and keys, without what is derived. */
type Settings = {
  [Section in keyof RunConfig]: RunConfig[Section] extends SettingValue
    ? Leaf
    : { [Key in Exclude<keyof RunConfig[Section], 'vocab' | 'seqLen'>]: Leaf }
}

type LeafOptions = Pick<Leaf, 'alias'>

function refuseUnless(ok: boolean, allowed: string): void {
  if (!ok) throw new Error(`must be ${allowed}`)
}

function integer(doc: string, value: number, min: number, max: number, options: LeafOptions = {}): Leaf {
  const allowed = max === MANY ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  const format = (x: unknown): void =>
    refuseUnless(Number.isSafeInteger(x) && Number(x) >= min && Number(x) <= max, allowed)
  return { doc, default: value, kind: 'integer', allowed, format, ...options }
}

/** A real number of [min, max]; with `open`, of [min, max). */
function real(doc: string, value: number, min: number, max: number, open = false): Leaf {
  const allowed = `a number from ${min} to ${open ? 'below ' : ''}${max}`
  const format = (x: unknown): void =>
    refuseUnless(typeof x === 'number' && x >= min && (open ? x < max : x <= max), allowed)
  return { doc, default: value, kind: 'number', allowed, format }
}

function choice(doc: string, value: string, values: readonly string[], options: LeafOptions = {}): Leaf {
  const allowed = `one of ${values.join(', ')}`
  return {
    doc,
    default: value,
    kind: 'text',
    allowed,
    choices: values,
    format: (x) => refuseUnless(values.includes(x as string), allowed),
    ...options,
  }
}

function text(
  doc: string,
  value: string,
  allowed: string,
  ok: (x: string) => boolean,
  options: LeafOptions & { kind?: 'path' | 'source' } = {},
): Leaf {
  const { kind = 'text', ...rest } = options
  return {
    doc,
    default: value,
    kind,
    allowed,
    format: (x) => refuseUnless(typeof x === 'string' && ok(x), allowed),
    ...rest,
  }
}

const MANY = Number.MAX_SAFE_INTEGER
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
  model: {
    hidden: integer('Width D of every position.', 512, 2, 8192),
    heads: integer('Attention heads; each is hidden / heads wide.', 8, 1, 256),
    expansion: real('SwiGLU expansion; its inner width is 256 ceil(round(expansion D 2/3) / 256).', 4, 0.1, 32),
    layers: integer('Layers of the shared network; of L, where there are two.', 2, 1, 64),
    hLayers: integer('Layers of H, where there are two networks; 0: as many as L.', 0, 0, 64),
    networks: choice('One network for thoughts and answers (shared: TRM), or one each (two: HRM).', 'shared', [
      'shared',
      'two',
    ]),
    states: choice(
      'Answer and thought (two), one state for both (one), a thought per L cycle (many), or no thought (answer: a transformer).',
      'two',
      ['two', 'one', 'many', 'answer'],
    ),
    gradient: choice(
      'Differentiated: the last H cycle (cycle: TRM), or its last thought and answer (last: HRM).',
      'cycle',
      ['cycle', 'last'],
    ),
    gradedCycles: integer('With gradient cycle: so many of the last H cycles are differentiated.', 1, 1, 64),
    halting: choice('q_halt > 0 halts (halt: TRM), or q_halt > q_continue, which learns too (continue: HRM).', 'halt', [
      'halt',
      'continue',
    ]),
    hCycles: integer("The paper's T: H cycles per supervision step.", 3, 1, 64),
    lCycles: integer("The paper's n: L cycles per H cycle; 0 with states answer only.", 6, 0, 64),
    mixer: choice('What mixes the sequence: attention (TRM-Att) or mlp (TRM-MLP).', 'attention', ['attention', 'mlp']),
    positions: choice('Position encoding.', 'rope', ['rope', 'learned', 'none']),
    puzzleEmbLen: integer(
      'Puzzle positions put before the grid; only the first carries the learned vector.',
      16,
      0,
      256,
    ),
    puzzleEmbDim: integer('Width of a puzzle row; 0 (and puzzleEmbLen 0) for no puzzle embedding.', 512, 0, 65536),
    haltMaxSteps: integer("The paper's N_sup: supervision steps per example, at most.", 16, 1, 1024),
    haltExplorationProb: real('Probability that a sample may not halt before a random step.', 0.1, 0, 1),
    rmsNormEps: real('Epsilon of the RMS norm.', 1e-5, 1e-12, 1),
    ropeTheta: real('Base of the rotary frequencies.', 10000, 1, 1e9),
    precision: choice('Activations; auto takes bf16 where the backend has it, else f32, and says which.', 'auto', [
      'auto',
      'f32',
      'bf16',
    ]),
  },
  data: {
    kind: choice('What is learned.', 'arc', ['arc', 'sudoku', 'maze']),
    source: text(
      `Tasks: ${NAMED_SOURCES.filter((x, i, all) => all.indexOf(x) === i).join(', ')}, or a folder.`,
      'generated',
      'a data set name or a folder',
      (x) => x !== '',
      { kind: 'source', alias: 'data' },
    ),
    canvas: integer(
      'Rows and columns of the grid; ARC tasks with a larger grid are left out, and counted.',
      30,
      1,
      30,
      { alias: 'canvas' },
    ),
    augmentations: integer('Augmented copies per task, at most, beside the original.', 1000, 0, 100000),
    poolSeed: integer('Seed of the pool of augmented puzzles (official: 42).', 42, 0, 2 ** 32 - 1),
    firstPuzzle: integer('Identifier of the first puzzle (official: 1).', 1, 1, 2 ** 31 - 1),
    sampler: choice(
      'slots: every task equally often, whatever the workers do; official: the order of the published loader.',
      'slots',
      ['slots', 'official'],
    ),
    chunkEpochs: integer('Sampler official: epochs per chunk of its order.', 10000, 1, MANY),
    generatedFamilies: integer('Source generated: rule families used.', 20, 1, 1000),
    generatedTasksPerFamily: integer('Source generated: tasks made of each family.', 4, 1, 100000),
    generatedTrainPairs: integer('Source generated: pairs of each ARC task that are trained on.', 8, 1, 1000),
    generatedTestPairs: integer('Source generated: unseen pairs of each ARC task, to be solved.', 2, 1, 1000),
  },
  train: {
    slots: integer('Global batch: lanes that the workers share out among themselves.', 768, 1, 65536, {
      alias: 'slots',
    }),
    steps: integer('Optimizer steps of the whole run.', 1000, 1, MANY, { alias: 'steps' }),
    minutes: real(
      'Minutes of training per start, at most; then it evaluates, saves and ends. 0: no limit.',
      0,
      0,
      MANY,
    ),
    freezeDense: real(
      'Part of the steps (or of the minutes, whichever is over sooner), at the start, in which only puzzle rows learn.',
      0,
      0,
      1,
    ),
    lr: real('Learning rate of the dense weights.', 1e-4, 0, 10),
    puzzleLr: real('Learning rate of the puzzle rows.', 1e-2, 0, 10),
    weightDecay: real('Weight decay of the dense weights.', 0.1, 0, 100),
    puzzleWeightDecay: real('Weight decay of the puzzle rows that a step touches.', 0.1, 0, 100),
    beta1: real('AdamATan2: decay of the first moment.', 0.9, 0, 1, true),
    beta2: real('AdamATan2: decay of the second moment.', 0.95, 0, 1, true),
    warmupSteps: integer('Steps of linear warm-up.', 2000, 0, MANY),
    lrMinRatio: real('Learning rate at the end of the cosine, as a part of the peak (1: constant).', 1, 0, 1),
    emaRate: real('Part of the running average that a step keeps.', 0.999, 0, 1, true),
  },
  reduce: {
    topology: choice(
      'Who sums the gradient: the workers, a share each (sharded), or the coordinator (star).',
      'sharded',
      ['sharded', 'star'],
    ),
    wire: choice(
      'Gradient elements on the wire; int8 for slow lines: half of bf16, what rounding takes is sent with the next step.',
      'bf16',
      ['bf16', 'f32', 'int8'],
    ),
    mode: choice(
      'fast: the order of the sum follows the workers; exact: the same bits for any number of workers, joining and leaving.',
      'fast',
      ['fast', 'exact'],
    ),
    group: integer(
      'Mode exact: slots computed together, always by one worker; the most workers are slots / group.',
      4,
      1,
      65536,
    ),
    bucketBytes: integer(
      "Bytes of a bucket; with its envelope it must fit the server's max_payload.",
      512 * 1024,
      64,
      64 * 1024 * 1024,
    ),
    inFlightBytes: integer(
      'Bytes published but not yet flushed, per connection, at most.',
      8 * 1024 * 1024,
      64,
      1024 * 1024 * 1024,
    ),
  },
  cluster: {
    minWorkers: integer('Training begins, and goes on, with at least this many workers.', 1, 1, 4096),
    heartbeatMs: integer('Milliseconds between heartbeats.', 500, 10, 60_000),
    deadAfterMs: integer('A worker silent for this many milliseconds is dead.', 5_000, 50, 600_000),
  },
  checkpoint: {
    everySteps: integer('Steps between checkpoints.', 1000, 1, MANY),
    keepLast: integer('Newest checkpoints kept.', 3, 1, 10000),
    keepBest: integer('Best checkpoints kept, by evaluation.', 1, 0, 10000),
  },
  evaluate: {
    everySteps: integer('Steps between evaluations; 0: only at the end.', 0, 0, MANY),
    augmentations: integer('Augmented copies per test pair that vote, at most; 0: only the original.', 1000, 0, 100000),
    batch: integer('Rows per unit of evaluation work given to a worker.', 64, 1, 65536),
    maxPairs: integer('Test pairs at most; 0: all.', 0, 0, MANY),
    early: choice(
      'Also score the answers at which q_halt first says halt, beside those of all supervision steps.',
      'off',
      ['off', 'on'],
    ),
    votes: choice(
      'Votes of ARC: those of this evaluation alone (fresh), or of the ones before it too, as the official code (kept).',
      'fresh',
      ['fresh', 'kept'],
    ),
  },
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
