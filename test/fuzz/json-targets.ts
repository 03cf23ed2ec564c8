// The readers of JSON: tasks, answer sheets, checkpoint manifests, configurations, headers of safetensors.
import { checkSubmission } from '../../shared/arc/check-submission.js'
import { rowsOf } from '../../shared/arc/grid.js'
import { keysInOrder } from '../../shared/arc/json-keys.js'
import { parseTask } from '../../shared/arc/task.js'
import { manifestOf, manifestText, parseManifest } from '../../shared/checkpoint/manifest.js'
import { headerLength, parseHeader, planFile } from '../../shared/checkpoint/safetensors.js'
import { configurationOf } from '../../shared/checkpoint/configuration.js'
import { compileConfig, printConfig } from '../../shared/config/compile.js'
import { PRESET_NAMES } from '../../shared/config/schema.js'
import { RunError } from '../../shared/errors.js'
import type { Rng } from '../../shared/rng/counter.js'
import { manifestFor, PLANS } from '../helpers/checkpoints.js'
import { below, bytesOfText, chance, distorted, joined, mutated, pick } from './mutate.js'
import type { Target } from './target.js'

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** JSON of a value nested so deeply that a recursive reader or printer of it has no stack left. */
const DEEP = { toJSON: (): string => DEEP_MARK }
const DEEP_MARK = '@deep@'
const deepText = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

const NUMBERS = [-1, 0.5, 1e308, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 - 1, 0, 10, 31, 1e-320]
const TEXTS = ['', 'x', '__proto__', '\u0000', '\ud800', 'F32', 'U8', 'a'.repeat(5000), '../../x', '|||']

const oddJson = (rng: Rng): unknown =>
  pick<() => unknown>(rng, [
    () => null,
    () => true,
    () => pick(rng, NUMBERS),
    () => pick(rng, NUMBERS),
    () => pick(rng, TEXTS),
    () => [],
    () => ({}),
    () => [[]],
    () => [pick(rng, NUMBERS), pick(rng, TEXTS)],
    () => Array.from({ length: below(rng, 3000) }, () => pick(rng, NUMBERS)),
    () => (chance(rng, 0.3) ? DEEP : [[[1]]]),
  ])()

const TOKENS = [
  '[',
  '{"a":',
  '{',
  '}',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u12',
  '-',
  '1e999',
  'null',
  '[[',
  '\n',
  '\ufeff',
].map(bytesOfText)

/** Half of them right in form. */
function jsonInput(rng: Rng, seeds: readonly string[]): Uint8Array {
  if (chance(rng, 0.5)) return mutated(rng, seeds.map(bytesOfText), TOKENS)
  const text = JSON.stringify(distorted(rng, JSON.parse(pick(rng, seeds)), oddJson)) ?? ''
  return bytesOfText(text.replaceAll(`"${DEEP_MARK}"`, () => deepText(below(rng, 60_000))))
}

/** True if it was read; false if it was refused in our own words. */
function attempt(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof RunError) return false
    throw error
  }
}

const GRIDS = [[[0]], [[1, 2], [3, 4]], Array.from({ length: 30 }, (_, i) => Array.from({ length: 30 }, (_, j) => (i + j) % 10))] // prettier-ignore
const pair = (i: number): object => ({ input: GRIDS[i % 3], output: GRIDS[(i + 1) % 3] })
const task = { train: [pair(0), pair(1)], test: [pair(2), { input: GRIDS[0] }] }
const CHALLENGES = { '00576224': task, abc: { train: [pair(1)], test: [pair(1)] }, '22168020': task }
const ASKED = Object.keys(CHALLENGES).map((name) => ({
  task: name,
  solutions: name === 'abc' ? [{ rows: 1, cols: 1, cells: Uint8Array.of(0) }] : [undefined, undefined],
}))
const SHEET = Object.fromEntries(
  ASKED.map(({ task: name, solutions }) => [name, solutions.map(() => ({ attempt_1: GRIDS[0], attempt_2: GRIDS[1] }))]),
)

const CONFIGS = PRESET_NAMES.flatMap((preset) => [
  JSON.stringify({ preset, train: { lr: 1e-4 }, model: { hidden: 64 } }),
  printConfig(compileConfig({ preset, env: {}, flags: {} })),
])

const HASH = 'ab'.repeat(32)
const manifests = [
  manifestOf(manifestFor(7), [{ name: 'dense.safetensors', bytes: 52, sha256: HASH }]),
  manifestOf({ ...manifestFor(9), evaluation: { score: 0.5, details: { a: 1 } }, metrics: { x: NaN }, puzzles: 3 }, []),
].map(manifestText)

const HEADERS = [planFile([]), ...PLANS.map(({ tensors }) => planFile(tensors, { step: '7' }))].map(
  ({ header, file }) => joined(header, new Uint8Array(file.bytes - file.dataStart)),
)
const bodyOf = (file: Uint8Array): string => textOf(file.subarray(8)).replace(/\0+$/, '').trim()

/** A header right in form, with its own length in front, and as much data as the undamaged file had. */
function safetensorsInput(rng: Rng): Uint8Array {
  if (chance(rng, 0.4)) return mutated(rng, HEADERS, TOKENS)
  const header = jsonInput(rng, HEADERS.map(bodyOf))
  const length = new Uint8Array(8)
  new DataView(length.buffer).setUint32(0, header.length, true)
  return joined(length, header, new Uint8Array(pick(rng, [44, 24, 0, 1])))
}

/** What the answer holds is used, as its callers would. */
export const JSON_TARGETS: readonly Target[] = [
  {
    name: 'task',
    weight: 18,
    input: (rng) => jsonInput(rng, [JSON.stringify(task), JSON.stringify(CHALLENGES.abc)]),
    read: (input) =>
      attempt(() => {
        let value: unknown
        try {
          value = JSON.parse(textOf(input))
        } catch {
          return parseTask('f', '', undefined)
        }
        attempt(() => parseTask('f', 't', { train: [], test: [] }, value))
        return parseTask('f', 't', value).pairs.map(({ input: grid }) => rowsOf(grid))
      }),
  },
  {
    name: 'keys',
    weight: 6,
    input: (rng) => jsonInput(rng, [JSON.stringify(CHALLENGES), JSON.stringify(SHEET)]),
    read: (input: Uint8Array): boolean => {
      const text = textOf(input)
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        return false
      }
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
      const keys = new Set(keysInOrder(text))
      const wanted = Object.keys(value)
      if (wanted.some((key) => !keys.has(key)) || keys.size !== wanted.length) throw new Error('keys are lost')
      return true
    },
  },
  {
    name: 'submission',
    weight: 12,
    input: (rng) => jsonInput(rng, [JSON.stringify(SHEET)]),
    read: (input) => checkSubmission(textOf(input), ASKED).score !== undefined,
  },
  {
    name: 'manifest',
    weight: 10,
    input: (rng) => jsonInput(rng, manifests),
    read: (input) =>
      attempt(() => {
        const read = parseManifest(textOf(input), 'manifest.json')
        configurationOf(read, 'manifest.json')
      }),
  },
  {
    name: 'config',
    weight: 2,
    input: (rng) => jsonInput(rng, CONFIGS),
    read: (input) =>
      attempt(() => {
        const config = compileConfig({ preset: 'tiny', file: { path: 'f', text: textOf(input) }, env: {}, flags: {} })
        const again = { path: 'f', text: printConfig(config) }
        compileConfig({ preset: 'tiny', file: again, env: {}, flags: {} })
      }),
  },
  {
    name: 'safetensors',
    weight: 15,
    input: safetensorsInput,
    read: (input) =>
      attempt(() => {
        const length = headerLength(input.subarray(0, 8), input.length, 'f')
        const { tensors } = parseHeader(input.subarray(8, 8 + length), input.length, 'f')
        for (const { begin, end } of tensors) if (begin > end || end > input.length) throw new Error('out of the file')
      }),
  },
]
