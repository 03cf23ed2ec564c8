// `npm test`: lint and format, then every test in order, one report at the end. `npm test -- unit parity` takes folders,
// `npm test -- unit/cli` the files that begin so, `npm test -- lint` the first part alone. Exits 1 if anything failed.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { PassThrough } from 'node:stream'
import { run as runTests } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { buildNative } from '../deploy/setup/native-build.js'
import { ensureNatsServer } from '../deploy/setup/nats-server.js'
import { currentTensorflow, installTensorflow } from '../deploy/setup/tensorflow.js'
import { describe } from '../shared/errors.js'
import { ISAS } from '../worker/backends/native/isa.js'
import { setsHere } from '../worker/backends/native/library.js'

/** This file is compiled to .build/test/run.js. */
const built = dirname(fileURLToPath(import.meta.url))
const root = join(built, '..', '..')

interface Group {
  readonly folders: readonly string[]
  /** Files at a time. Tests of a whole cluster measure time, so they have the machine to themselves. */
  readonly concurrency: number
}

const GROUPS: readonly Group[] = [
  { folders: ['unit', 'property', 'architecture', 'native'], concurrency: 2 },
  { folders: ['parity', 'cluster', 'chaos', 'e2e'], concurrency: 1 },
]

const NEEDS_NATS = ['cluster', 'chaos', 'e2e']
const NEEDS_NATIVE = ['native', 'parity', 'cluster', 'chaos', 'e2e']
const NEEDS_TENSORFLOW = ['parity', 'property', 'native']

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesUnder(path)
    return entry.name.endsWith('.test.js') && sourceExists(path) ? [path] : []
  })
}

/** The build keeps the output of sources that were deleted; those are no tests any more. */
const sourceExists = (path: string): boolean =>
  existsSync(join(root, 'test', relative(built, path).replace(/\.js$/, '.ts')))

/** A library that is slow to fetch must not eat the time of the tests. */
const TENSORFLOW_MS = 600_000

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Runs a tool of node_modules; true if it was content. */
function tool(name: string, bin: string, args: readonly string[]): boolean {
  say(`\n=== ${name}`)
  const require = createRequire(join(root, 'package.json'))
  let program: string
  try {
    program = join(dirname(require.resolve(`${name}/package.json`)), bin)
  } catch {
    say(`${name} is not installed; run \`npm ci\` (with development dependencies)`)
    return false
  }
  const { status } = spawnSync(process.execPath, [program, ...args], { cwd: root, stdio: 'inherit' })
  say(status === 0 ? `${name}: nothing to say` : `${name}: the complaints are above`)
  return status === 0
}

function lint(): boolean {
  const eslint = tool('eslint', 'bin/eslint.js', ['--config', '.eslint.config.mjs', '--max-warnings', '0', '.'])
  const prettier = tool('prettier', 'bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])
  return eslint && prettier
}

/** What node:test tells, as far as it is read here. */
interface TestEvent {
  readonly type: string
  readonly data: {
    readonly name?: string
    readonly file?: string
    readonly message?: string
    readonly nesting?: number
    readonly details?: { readonly error?: { readonly failureType?: string; readonly cause?: unknown } }
  }
}

/** A failed test in one line; undefined for one that failed only because a test within it did. */
function failureOf({ type, data }: TestEvent): string | undefined {
  const error = data.details?.error
  if (type !== 'test:fail' || error?.failureType === 'subtestsFailed') return undefined
  const cause: unknown = error?.cause ?? error
  const why = cause instanceof Error ? cause.message : String(cause)
  const where = data.file === undefined ? '' : `${relative(built, data.file).replace(/\.test\.js$/, '')} > `
  return `${where}${data.name ?? ''}: ${why.replace(/\s+/g, ' ').slice(0, 300)}`
}

/** Counts of the summaries that node:test prints for each run of its own, added up. */
const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/

/** Runs the groups one after the other into one report. @returns the failed tests, a line each */
async function test(
  groups: readonly { name: string; files: readonly string[]; concurrency: number }[],
): Promise<string[]> {
  const failed: string[] = []
  const totals = new Map<string, number>()
  const events = new PassThrough({ objectMode: true })
  const report = events.pipe(new spec())
  report.pipe(process.stdout, { end: false })
  for (const { name, files, concurrency } of groups) {
    events.write({ type: 'test:stdout', data: { file: '', message: `\n=== ${name}\n` } })
    for await (const event of runTests({ files: [...files], concurrency }) as AsyncIterable<TestEvent>) {
      const failure = failureOf(event)
      if (failure !== undefined) failed.push(failure)
      const summary = event.data.nesting === 0 ? SUMMARY.exec(event.data.message ?? '') : null
      if (event.type === 'test:diagnostic' && summary !== null)
        totals.set(summary[1] ?? '', (totals.get(summary[1] ?? '') ?? 0) + Number(summary[2]))
      else if (!events.write(event)) await once(events, 'drain')
    }
  }
  for (const [name, count] of totals)
    events.write({ type: 'test:diagnostic', data: { file: '', nesting: 0, message: `${name} ${count}` } })
  events.end()
  await once(report, 'end')
  const counted = (totals.get('fail') ?? 0) + (totals.get('cancelled') ?? 0)
  return counted > 0 && failed.length === 0 ? [`${counted} tests failed or were cancelled, see above`] : failed
}

/** What the tests need of this machine. Without it, the tests that need it say so and are skipped. */
async function install(folders: ReadonlySet<string>): Promise<void> {
  const needs = (some: readonly string[]): boolean => some.some((folder) => folders.has(folder))
  const tried = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    say(`\n=== ${name}`)
    await work().catch((error: unknown) => say(describe(error)))
  }
  if (needs(NEEDS_NATS)) await tried('nats-server', () => ensureNatsServer({ root, log: say }))
  const sets = process.arch === 'x64' ? ISAS : setsHere()
  if (needs(NEEDS_NATIVE)) await tried('native engine', () => buildNative({ root, log: say, sets }))
  if (needs(NEEDS_TENSORFLOW) && currentTensorflow(root) === undefined)
    await tried('TensorFlow', () => installTensorflow('cpu', { root, log: say, limitMs: TENSORFLOW_MS }))
}

async function main(wanted: readonly string[]): Promise<number> {
  const isWanted = (path: string): boolean => wanted.length === 0 || wanted.some((start) => path.startsWith(start))
  const groups = GROUPS.flatMap(({ folders, concurrency }) => {
    const files = folders
      .flatMap((folder) => filesUnder(join(built, folder)))
      .filter((file) => isWanted(relative(built, file)))
    return files.length === 0 ? [] : [{ name: folders.join(', '), files, concurrency }]
  })
  const wantsLint = isWanted('lint')
  if (groups.length === 0 && !wantsLint) {
    say(
      `no test begins with ${wanted.join(' or ')}; there are lint, ${GROUPS.flatMap((group) => group.folders).join(', ')}`,
    )
    return 2
  }
  const clean = wantsLint ? lint() : true
  const folders = new Set(groups.flatMap(({ files }) => files.map((file) => relative(built, file).split('/')[0] ?? '')))
  await install(folders)
  const failed = groups.length === 0 ? [] : await test(groups)
  if (!clean) failed.push('lint or format: see the top')
  // Last and short: whoever sees only the end of a long log knows what to run again.
  if (failed.length > 0) say(`\nfailed:\n${failed.map((line) => `- ${line}`).join('\n')}`)
  return failed.length === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
