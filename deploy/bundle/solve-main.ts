// Entry of a bundle (run.mjs): reads the arguments and the environment, and ends the process.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ConfigError, describe, RunError } from '../../shared/errors.js'
import { Solver } from './solve.js'

const HELP = `node run.mjs --challenges FILE [options]

  --challenges FILE   the tasks, in the form of Kaggle's challenges.json
  --submission FILE   the answer sheet (default: submission.json)
  --minutes M         everything is over within so many minutes (default: 600)
  --train S           part of them for training on the demonstrations, 0 to below 1; 0: none (default: 0.6)
  --workers N         processes that compute (default: 2)
  --backend NAME      auto, tensorflow, wasm or native (default: auto)
  --work FOLDER       logs and checkpoints; used again, it goes on from there (default: a new temporary folder)
  -- MORE             settings of the training, for example -- --data.augmentations 100 --train.slots 64

Exit codes: 0 done, out of time, or stopped; otherwise those of trmesh. The sheet is valid in every case but an unreadable FILE.`

/** This file is compiled to app/.build/deploy/bundle/solve-main.js. */
const bundle = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..')
const say = (line: string): void => void process.stdout.write(`${line}\n`)

function fail(error: unknown): never {
  process.stderr.write(`trmesh: ${describe(error)}\n`)
  process.exit(error instanceof RunError ? error.exitCode : 1)
}

function numberOf(name: string, text: string, ok: (value: number) => boolean, allowed: string): number {
  const value = Number(text)
  if (text.trim() !== '' && ok(value)) return value
  throw new ConfigError(`--${name} is ${text}; it must be ${allowed}`, 'see node run.mjs --help')
}

function solverOf(args: readonly string[]): Solver {
  const cut = args.indexOf('--')
  const own = cut < 0 ? args : args.slice(0, cut)
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...own],
    options: {
      challenges: text,
      submission: { ...text, default: 'submission.json' },
      minutes: { ...text, default: '600' },
      train: { ...text, default: '0.6' },
      workers: { ...text, default: '2' },
      backend: { ...text, default: 'auto' },
      work: text,
    },
  })
  if (values.challenges === undefined) throw new ConfigError('no tasks are named', 'name them with --challenges FILE')
  return new Solver({
    bundle,
    challenges: resolve(values.challenges),
    submission: resolve(values.submission),
    minutes: numberOf('minutes', values.minutes, (x) => x > 0 && Number.isFinite(x), 'above 0'),
    train: numberOf('train', values.train, (x) => x >= 0 && x < 1, 'from 0 to below 1'),
    workers: numberOf('workers', values.workers, (x) => Number.isSafeInteger(x) && x > 0, 'an integer above 0'),
    backend: values.backend,
    work: values.work === undefined ? mkdtempSync(join(tmpdir(), 'trmesh-')) : resolve(values.work),
    more: cut < 0 ? [] : args.slice(cut + 1),
    env: process.env,
    // Counts from the start of the process: loading this took time too.
    now: () => performance.now(),
    say,
  })
}

const args = process.argv.slice(2)
if (args.includes('--help')) {
  say(HELP)
  process.exit(0)
}
// A reader of our words that went away is no reason to stop.
process.stdout.on('error', () => undefined)
try {
  const solver = solverOf(args)
  const stop = (status: number): void => void solver.end().then(() => process.exit(status), fail)
  process.on('SIGTERM', () => stop(0))
  process.on('SIGINT', () => stop(0))
  process.on('uncaughtException', (error) => {
    process.stderr.write(`trmesh: ${describe(error)}\n`)
    stop(1)
  })
  process.exit(await solver.solve())
} catch (error) {
  // parseArgs says what it does not know in a TypeError of its own.
  const usage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  fail(usage ? new ConfigError(error.message, 'see node run.mjs --help') : error)
}
