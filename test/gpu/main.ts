// npm run gpu-check -- [GOLDEN FOLDER] [--gpu N] [--out FOLDER] [--minutes M] [--only NAMES]: everything that a GPU is asked the first
// time (steps.ts), going on after a failure, each step within its limit and all within M minutes. Writes report.txt, report.json and
// all that was said (log.txt) into the folder, as it goes. --pack FILE instead: what a machine without Node or network needs for it.
// Exits 1 if a step failed.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { lastLine, run } from '../../deploy/setup/command.js'
import { ConfigError, describe } from '../../shared/errors.js'
import { pack } from './pack.js'
import { gpuSteps, type GpuStep } from './steps.js'

const SMALL = ['model-att-b.json', 'model-mlp-b.json']

interface Outcome {
  readonly name: string
  readonly shows: string
  readonly outcome: 'passed' | 'failed' | 'left out'
  readonly seconds: number
  readonly why?: string
  /** What a benchmark measured. */
  readonly figures?: readonly unknown[]
}

const figuresIn = (stdout: string): unknown[] =>
  stdout.split('\n').flatMap((line): unknown[] => {
    if (!line.startsWith('{')) return []
    try {
      return [JSON.parse(line) as unknown]
    } catch {
      return [] // a line that only looks like one
    }
  })

/** One step, or why not. What it says goes to `log`. */
async function perform(step: GpuStep, budgetS: number, root: string, log: (text: string) => void): Promise<Outcome> {
  const { name, shows, program, args, env, limitS, twice = false, needs } = step
  const about = { name, shows }
  if (budgetS < 10) return { ...about, outcome: 'left out', seconds: 0, why: 'no time is left' }
  if (needs !== undefined && spawnSync(needs, ['--version']).status !== 0)
    return { ...about, outcome: 'left out', seconds: 0, why: `${needs} is not on the PATH` }
  const started = performance.now()
  const spent = (): number => (performance.now() - started) / 1000
  const once = (): ReturnType<typeof run> =>
    run(program, args, {
      cwd: root,
      timeoutMs: 1000 * Math.max(1, Math.min(limitS, budgetS) - spent()),
      ...(env && { env }),
    })
  const first = await once()
  log(`\n=== ${name}: ${program} ${args.join(' ')}\n${first.stderr}${first.stdout}`)
  const figures = figuresIn(first.stdout)
  const told = { ...about, ...(figures.length > 0 ? { figures } : {}) }
  const failed = (why: string): Outcome => ({ ...told, outcome: 'failed', seconds: spent(), why })
  if (first.failure !== undefined) return failed(first.failure)
  if (twice) {
    const second = await once()
    if (second.failure !== undefined) return failed(`the second time: ${second.failure}`)
    if (second.stdout !== first.stdout) {
      log(`\n=== ${name}, the second time\n${second.stdout}`)
      return failed('the second run printed other lines')
    }
  }
  return { ...told, outcome: 'passed', seconds: spent() }
}

function lineOf({ name, shows, outcome, seconds, why, figures = [] }: Outcome): string {
  const head = `${outcome.padEnd(8)} ${name.padEnd(14)} ${seconds.toFixed(0).padStart(4)} s  ${shows}${why === undefined ? '' : `: ${why}`}`
  const rows = (figures as { config?: string; value?: number; unit?: string; ratio?: number | null }[]).map(
    ({ config, value, unit, ratio }) =>
      `             ${config}: ${value?.toPrecision(4)} ${unit}, x ${ratio?.toPrecision(3)}`,
  )
  return [head, ...rows].join('\n')
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      gpu: { type: 'string', default: '0' },
      out: { type: 'string', default: 'gpu-report' },
      minutes: { type: 'string', default: '30' },
      only: { type: 'string' },
      pack: { type: 'string' },
    },
  })
  const root = process.cwd()
  const golden = resolve(positionals[0] ?? '../shared/parity')
  if (!existsSync(golden))
    throw new ConfigError(`there is no ${golden}`, 'name the folder of the golden files, as for `npm run parity`')
  if (values.pack !== undefined) return pack(root, golden, resolve(values.pack))
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new ConfigError(`--minutes ${values.minutes} is no time`, 'give a number above 0')
  const small = mkdtempSync(join(tmpdir(), 'trmesh-gpu-'))
  try {
    for (const name of SMALL) if (existsSync(join(golden, name))) copyFileSync(join(golden, name), join(small, name))
    const all = gpuSteps({ root, node: process.execPath, gpu: values.gpu, golden, small })
    const only = values.only?.split(',')
    const unknown = only?.find((name) => !all.some((step) => step.name === name))
    if (unknown !== undefined)
      throw new ConfigError(`there is no step ${unknown}`, `take some of ${all.map(({ name }) => name).join(', ')}`)
    return await performAll(all.filter(({ name }) => only?.includes(name) ?? true), minutes, root, resolve(values.out)) // prettier-ignore
  } finally {
    rmSync(small, { recursive: true, force: true })
  }
}

/** @returns how many failed, at most 1 */
async function performAll(steps: readonly GpuStep[], minutes: number, root: string, out: string): Promise<number> {
  mkdirSync(out, { recursive: true })
  const started = performance.now()
  const outcomes: Outcome[] = []
  let said = ''
  for (const step of steps) {
    const left = 60 * minutes - (performance.now() - started) / 1000
    const outcome = await perform(step, left, root, (text) => (said += text))
    outcomes.push(outcome)
    console.log(lineOf(outcome))
    writeFileSync(join(out, 'log.txt'), said)
    writeFileSync(join(out, 'report.txt'), `${outcomes.map(lineOf).join('\n')}\n`)
    writeFileSync(join(out, 'report.json'), `${JSON.stringify({ at: new Date().toISOString(), outcomes }, null, 1)}\n`)
  }
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed')
  console.log(lastLine(`${outcomes.length - failed.length} of ${outcomes.length} did not fail; see ${out}`))
  return failed.length > 0 ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(describe(error))
  process.exitCode = 1
}
