// The manifest: written last, so its presence says that the checkpoint is whole. It names every file with size and hash, says
// what run, data and network the numbers belong to, and where every slot stands in its stream of examples. Old formats climb
// a ladder: each rung turns one format into the next.
import { CheckpointRefused, WireError } from '../errors.js'
import { count, list, number, oneOf, record, text, type Of, type Shape } from '../protocol/shape.js'

export const MANIFEST_FILE = 'manifest.json'
export const FORMAT = 1
const KIND = 'trmesh checkpoint'

const optional =
  <T>(shape: Shape<T>): Shape<T | undefined> =>
  (value, path) =>
    value === undefined ? undefined : shape(value, path)

const matching =
  (pattern: RegExp, what: string): Shape<string> =>
  (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw new WireError(`${path}: expected ${what}`, '')
    return value
  }

const object: Shape<object> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WireError(`${path}: expected a record`, '')
  return value
}

/** Deeper than any configuration. */
const MAX_DEPTH = 8

/** Lists, records and values, not nested so deeply that who writes them again runs out of stack. */
const settings: Shape<object> = (value, path) => {
  const check = (inner: unknown, depth: number): void => {
    if (typeof inner !== 'object' || inner === null) return
    if (depth > MAX_DEPTH) throw new WireError(`${path}: nested too deeply`, '')
    Object.values(inner).forEach((one) => check(one, depth + 1))
  }
  check(object(value, path), 1)
  return value as object
}

const numbers: Shape<Readonly<Record<string, number>>> = (value, path) =>
  Object.fromEntries(Object.entries(object(value, path)).map(([key, item]) => [key, number(item, `${path}.${key}`)]))

const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new WireError(`${path}: expected true or false`, '')
  return value
}

const manifest = record({
  format: count,
  kind: oneOf(KIND),
  run: text(64),
  /** Optimizer steps done. */
  step: count,
  /** Membership epoch in which it was taken. */
  epoch: count,
  /** The whole compiled RunConfig. */
  config: settings,
  identityHash: text(64),
  layoutHash: text(64),
  dataHash: text(64),
  /** When, as the writer's clock told it. */
  created: text(64),
  /** Slot i at place i: number of the example in work, of the next to draw, ACT steps done, and whether it halted. */
  slots: list(record({ slot: count, draw: count, next: count, steps: count, halted: flag })),
  files: list(
    record({
      name: matching(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'a plain file name'),
      bytes: count,
      sha256: matching(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
    }),
    64,
  ),
  /** Present once it was evaluated; retention ranks by `score`, more is better. */
  evaluation: optional(record({ score: number, details: numbers })),
  metrics: optional(numbers),
  /** Rows of the puzzle table, trained or not. Absent in the oldest. */
  puzzles: optional(count),
  /** Of a model that was adapted: SHA-256 of the dense file that it began with. */
  base: optional(text(64)),
  /** First step that trained the dense weights, where they were frozen before. */
  thawed: optional(count),
})
export type Manifest = Readonly<Of<typeof manifest>>
/** What the caller of the writer knows; the rest is the writer's. */
export type ManifestInput = Omit<Manifest, 'format' | 'kind' | 'files' | Optional> & Partial<Pick<Manifest, Optional>>
type Optional = 'evaluation' | 'metrics' | 'puzzles' | 'base' | 'thawed'

/** Keys with undefined values are left out by JSON. */
export const manifestOf = (input: ManifestInput, files: Manifest['files']): Manifest => ({
  format: FORMAT,
  kind: KIND,
  evaluation: undefined,
  metrics: undefined,
  puzzles: undefined,
  base: undefined,
  thawed: undefined,
  ...input,
  files,
})

export const manifestText = (value: Manifest): string => `${JSON.stringify(value, null, 1)}\n`

type Old = Record<string, unknown>
/** Rung n turns format n into n + 1. Format 1 is the first, so there is none yet. */
export const RUNGS: Readonly<Record<number, (old: Old) => Old>> = {}

/** Climbs from the format of `old` as far as the rungs reach. */
export function climb(old: Old, rungs: typeof RUNGS = RUNGS): Old {
  let value = old
  for (;;) {
    const format = value['format']
    const rung = typeof format === 'number' ? rungs[format] : undefined
    if (rung === undefined) return value
    value = rung(value)
  }
}

/**
 * @param source the file's name, for messages
 * @throws CheckpointRefused naming the field
 */
export function parseManifest(json: string, source: string): Manifest {
  const refuse = (why: string, remedy = 'choose another checkpoint, or start over with --fresh'): never => {
    throw new CheckpointRefused(`${source}: ${why}`, remedy)
  }
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    refuse(`no JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('no JSON object')
  const climbed = climb(value as Old)
  if (climbed['format'] !== FORMAT) {
    const format = climbed['format']
    const found = typeof format === 'object' ? 'in an object' : (JSON.stringify(format)?.slice(0, 80) ?? 'missing')
    refuse(`format ${found}, we read up to ${FORMAT}`, 'use the version of trmesh that wrote it')
  }
  let parsed: Manifest
  try {
    parsed = manifest(climbed, 'manifest')
  } catch (error) {
    if (error instanceof WireError) return refuse(error.message)
    throw error
  }
  parsed.slots.forEach(({ slot }, i) => slot === i || refuse(`slot ${slot} stands at place ${i}`))
  if (new Set(parsed.files.map(({ name }) => name)).size !== parsed.files.length) refuse('a file is listed twice')
  return parsed
}

/**
 * May this run go on from that checkpoint?
 * @param source where it lies, for messages
 * @throws CheckpointRefused naming everything that differs
 */
export function checkMatches(
  found: Manifest,
  ours: Pick<Manifest, 'identityHash' | 'layoutHash' | 'dataHash'>,
  source: string,
): void {
  const differing = [
    found.layoutHash !== ours.layoutHash && 'the network (model.*)',
    found.dataHash !== ours.dataHash && 'the data (data.* or the files themselves)',
    found.identityHash !== ours.identityHash && 'settings that shape the training (model, data, train or seed)',
  ].filter((what) => what !== false)
  if (differing.length === 0) return
  throw new CheckpointRefused(
    `${source} is of another run: it differs in ${differing.join(', and in ')}`,
    'use the configuration it was written with, another run.dir, or --fresh to start over',
  )
}
