// The command line as its users meet it: help, exit codes, one line and a remedy for every mistake.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { EXIT, EXIT_CODES } from '../../deploy/cli/exit-codes.js'
import { compileConfig } from '../../shared/config/compile.js'
import { SETTINGS } from '../../shared/config/schema.js'
import * as errors from '../../shared/errors.js'

interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function trmesh(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Outcome {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TRMESH_')))
  const result = spawnSync(process.execPath, [resolve('deploy/trmesh.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...env, ...options.env },
    cwd: options.cwd ?? process.cwd(),
  })
  // The bootstrap may say that it compiles.
  return { code: result.status, out: result.stdout, err: result.stderr.replace('trmesh: compiling TypeScript\n', '') }
}

test('every command has help with examples, and it costs no exit code', () => {
  for (const command of [
    '',
    'start',
    'coordinator',
    'worker',
    'workers',
    'evaluate',
    'study',
    'adapt',
    'baseline',
    'bundle',
    'report',
    'check-submission',
    'data',
    'import',
    'export',
    'doctor',
    'top',
  ]) {
    const { code, out } = trmesh([...(command === '' ? [] : [command]), '--help'])
    assert.equal(code, EXIT.ok, command)
    assert.match(out, /Usage: trmesh/, command)
    assert.match(out, /Examples:\n {2}np/, command)
  }
})

test('the help lists every exit code, and every error class has one', () => {
  const { out } = trmesh(['--help'])
  for (const [code, meaning] of EXIT_CODES) assert.ok(out.includes(`${code}  ${meaning}`), meaning)
  const documented = new Set(EXIT_CODES.map(([code]) => code))
  const classes = Object.values(errors).filter(
    (value): value is typeof errors.ConfigError => value.prototype instanceof errors.RunError,
  )
  assert.ok(classes.length >= 9)
  for (const Class of classes) assert.ok(documented.has(new Class('', '').exitCode), Class.name)
})

test('start takes every setting as a flag', () => {
  const { out } = trmesh(['start', '--help'])
  for (const { key } of SETTINGS) assert.ok(out.includes(`--${key} <`), key)
})

test('--version prints the version of the package', () => {
  const { code, out } = trmesh(['--version'])
  assert.equal(code, EXIT.ok)
  assert.match(out, /^\d+\.\d+\.\d+\n$/)
})

const mistakes: [string[], RegExp][] = [
  [['strat'], /unknown command 'strat' \(Did you mean start\?\)\n {2}-> see `npx trmesh --help`/],
  [['start', '--fersh'], /unknown option '--fersh' \(Did you mean --fresh\?\)\n {2}-> see `npx trmesh start --help`/],
  [['start', '--workers', '0'], /--workers.*'0' is invalid.*\n {2}-> /],
  [['start', '--steps'], /'--steps, --train\.steps <N>' argument missing/],
  [['start', 'now'], /too many arguments/],
  [['worker', '--backend', 'gpu'], /Allowed choices are auto, tensorflow, wasm, native/],
  [['worker', '--model.hidden', '8'], /unknown option '--model\.hidden'/],
  [['data'], /data needs one of arc-agi-1, arc-agi-2, concept-arc, sudoku-extreme, maze-hard, verify/],
  [['adapt', '--checkpoint', 'x'], /required option '--challenges <FILE>' not specified/],
  [
    ['adapt', '--checkpoint', 'x', '--challenges', 'y', '--minutes', '-1'],
    /--minutes.*'-1' is invalid.*at least 0[^]*\n {2}-> /,
  ],
  [['import'], /missing required argument 'FILE'\n {2}-> see `npx trmesh import --help`/],
  [['export'], /required option '--checkpoint <FOLDER>' not specified/],
  [['coordinator', '--config', 'absent.json'], /absent\.json: ENOENT\n {2}-> name a file that exists/],
  [
    ['start', '--steps', '0', '--canvas', '31'],
    /2 problems[^]*data\.canvas is 31 \(--data\.canvas\)[^]*train\.steps is 0/,
  ],
]
for (const [args, expected] of mistakes) {
  test(`exit 2 and a remedy: trmesh ${args.join(' ')}`, () => {
    const { code, out, err } = trmesh(args)
    assert.equal(code, EXIT.usage)
    assert.match(err, /^trmesh: /)
    assert.match(err, expected)
    assert.equal(out, '')
  })
}

test('without a command, the help and exit 2', () => {
  const { code, out, err } = trmesh([])
  assert.equal(code, EXIT.usage)
  assert.match(out, /Usage: trmesh/)
  assert.match(err, /no command named\n {2}-> /)
})

test('file, environment and flags reach the configuration; what is printed feeds back', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-cli-'))
  context.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'run.json'), '{"preset": "arc1", "train": {"steps": 5, "slots": 8}}')
  const printed = trmesh(
    [
      'coordinator',
      '--config',
      'run.json',
      '--steps',
      '7',
      '--data',
      'tasks',
      '--nats',
      'nats://h:1',
      '--print-config',
    ],
    { cwd: folder, env: { TRMESH_TRAIN_SLOTS: '9' } },
  )
  assert.equal(printed.code, EXIT.ok, printed.err)
  const config = compileConfig({ preset: 'tiny', file: { path: 'p', text: printed.out }, env: {}, flags: {} })
  assert.equal(config.preset, 'arc1')
  assert.equal(config.train.steps, 7)
  assert.equal(config.train.slots, 9)
  assert.equal(config.data.source, join(folder, 'tasks'))
  assert.equal(config.bus.url, 'nats://h:1')
  writeFileSync(join(folder, 'again.json'), printed.out)
  assert.equal(trmesh(['start', '--config', 'again.json', '--print-config'], { cwd: folder }).out, printed.out)
})

test('exit 6 and a remedy: import of a file that would run code in Python', () => {
  const { code, out, err } = trmesh(['import', 'test/golden/pt/refused-code.pt'])
  assert.equal(code, 6)
  assert.equal(out, '')
  assert.match(err, /names "(posix|nt) system", which no plain state_dict needs[^]*\n {2}-> save a plain state_dict/)
})
