// A bundle as the machine of a competition runs it: elsewhere, read-only, without environment and network. Killed at any
// moment, its answer sheet is valid; the minutes given are obeyed; a process that dies is replaced.
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { checkSubmission } from '../../shared/arc/check-submission.js'
import { generateTasks } from '../../shared/arc/generator/generate.js'
import { rowsOf } from '../../shared/arc/grid.js'
import { rngFor } from '../../shared/rng/counter.js'
import { afterwards, asArguments, SMALL, temporaryFolder, trmesh, until, withoutNats } from '../helpers/cluster.js'

/** A namespace of its own, whose only interface is its own loopback. */
const ISOLATED = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"']
const isolates = spawnSync(ISOLATED[0]!, [...ISOLATED.slice(1), 'true']).status === 0
const reason =
  process.platform !== 'linux'
    ? 'it looks at processes in /proc'
    : isolates
      ? withoutNats
      : 'a network namespace cannot be made here (unshare -rn, ip)'
const options = { skip: reason, timeout: 240_000 }

interface Place {
  /** The bundle, moved away and write-protected. */
  readonly bundle: string
  readonly folder: string
  readonly challenges: string
  readonly asked: Parameters<typeof checkSubmission>[1]
}

async function packed(t: TestContext): Promise<Place> {
  const folder = temporaryFolder(t)
  const flags = { ...SMALL, 'run.id': 'model', 'run.dir': folder, 'train.steps': 3, 'evaluate.maxPairs': 1 }
  const trained = trmesh(t, ['start', '--workers', '1', '--backend', 'wasm', ...asArguments(flags)])
  assert.equal(await trained.ended, 0, trained.said())
  const packing = trmesh(t, ['bundle', '--checkpoint', join(folder, 'model'), '--out', join(folder, 'packed')])
  assert.equal(await packing.ended, 0, packing.said())
  assert.match(packing.said(), /all +\d+\.\d MB in /)
  const bundle = join(folder, 'elsewhere', 'bundle')
  cpSync(join(folder, 'packed'), bundle, { recursive: true })
  // As after an upload that knows no permissions.
  chmodSync(join(bundle, 'bin', 'nats-server'), 0o444)
  spawnSync('chmod', ['-R', 'a-w', bundle])
  afterwards(t, () => spawnSync('chmod', ['-R', 'u+w', bundle]))
  return { bundle, folder, ...challengesIn(folder) }
}

/** Six tasks that can be answered, and one that cannot be read. */
function challengesIn(folder: string): Pick<Place, 'challenges' | 'asked'> {
  const config = { seed: 9, families: 6, tasksPerFamily: 1, canvas: 5, trainPairs: 3, testPairs: 2 }
  const made = generateTasks(config, (family, task) => rngFor(9, 'generated-task', family, task))
  const tasks = made.map((task, i): [string, object] => {
    const [train, test] = (['train', 'test'] as const).map((split) => task.pairs.filter((pair) => pair.split === split))
    return [
      `t${i}`,
      {
        train: train!.map(({ input, output }) => ({ input: rowsOf(input), output: rowsOf(output!) })),
        test: test!.map(({ input }) => ({ input: rowsOf(input) })),
      },
    ]
  })
  tasks.push(['broken', { train: [], test: [{ input: [[99]] }, { input: [] }] }])
  const challenges = join(folder, 'challenges.json')
  writeFileSync(challenges, JSON.stringify(Object.fromEntries(tasks)))
  return { challenges, asked: tasks.map(([task]) => ({ task, solutions: [undefined, undefined] })) }
}

interface Run {
  readonly child: ChildProcess
  readonly submission: string
  readonly work: string
  readonly said: () => string
  readonly ended: Promise<number | string>
}

function run(t: TestContext, { bundle, folder, challenges }: Place, name: string, ...more: string[]): Run {
  const [submission, work] = [join(folder, name, 'submission.json'), join(folder, name, 'work')]
  mkdirSync(dirname(submission), { recursive: true })
  const child = spawn(
    ISOLATED[0]!,
    [
      ...ISOLATED.slice(1),
      ...['env', '-i', `PATH=${dirname(process.execPath)}`, process.execPath, join(bundle, 'run.mjs')],
      ...['--challenges', challenges, '--submission', submission, '--work', work, '--backend', 'wasm', ...more],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const ended = new Promise<number | string>((resolve) =>
    child.once('exit', (status, signal) => resolve(status ?? signal ?? 'unknown')),
  )
  afterwards(t, () => child.kill('SIGKILL'))
  return { child, submission, work, said: () => said, ended }
}

/** Processes whose command line names this folder. */
const alive = (folder: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(folder)
      } catch {
        return false // it ended meanwhile
      }
    })
    .map(Number)

function mustBeValid({ submission }: Run, { asked }: Place): void {
  assert.deepEqual(checkSubmission(readFileSync(submission, 'utf8'), asked).problems, [])
}

/** Test inputs that have more than the empty answer. */
const answered = ({ submission }: Run): number =>
  Object.values(JSON.parse(readFileSync(submission, 'utf8')) as Record<string, object[]>)
    .flat()
    .filter((each) => JSON.stringify(each) !== '{"attempt_1":[[0]],"attempt_2":[[0]]}').length

test(
  'within its minutes it trains, answers and leaves a valid sheet and nothing else; killed anywhere, the sheet is valid',
  options,
  async (t) => {
    const place = await packed(t)
    const began = performance.now()
    const whole = run(t, place, 'whole', '--minutes', '0.4', '--workers', '1', '--', '--train.slots', '4')
    await until('the first sheet', () => existsSync(whole.submission), 5_000)
    mustBeValid(whole, place)
    assert.equal(await whole.ended, 0, whole.said())
    assert.ok(performance.now() - began <= 24_000 + 1_000, `${performance.now() - began} ms for 0.4 minutes`)
    mustBeValid(whole, place)
    assert.match(whole.said(), /left unanswered: .*broken/)
    assert.match(whole.said(), /14 test inputs/)
    await until('nothing to stay behind', () => alive(place.folder).length === 0, 3_000)
    assert.ok(answered(whole) > 0, `${whole.said()}\n${readFileSync(join(whole.work, 'adapt.log'), 'utf8')}`)

    for (const [i, ms] of [150, 700, 1500, 3000, 5500, 8000].entries()) {
      const killed = run(t, place, `killed${i}`, '--minutes', '2', '--workers', '1')
      await until('the first sheet', () => existsSync(killed.submission), 5_000)
      await new Promise((resolve) => setTimeout(resolve, ms))
      killed.child.kill('SIGKILL')
      await killed.ended
      mustBeValid(killed, place)
      await until('its processes to end too', () => alive(killed.work).length === 0, 10_000)
      mustBeValid(killed, place)
    }
  },
)

test(
  'SIGTERM, a worker and a coordinator that are killed, a time far too short: valid each time',
  options,
  async (t) => {
    const place = await packed(t)
    const short = run(t, place, 'short', '--minutes', '0.02')
    assert.equal(await short.ended, 0, short.said())
    mustBeValid(short, place)

    const stopped = run(t, place, 'stopped', '--minutes', '2', '--workers', '1')
    await until('the sheet', () => existsSync(stopped.submission), 5_000)
    await until('a worker', () => alive(join(place.bundle)).length >= 3, 20_000)
    stopped.child.kill('SIGTERM')
    assert.equal(await stopped.ended, 0, stopped.said())
    mustBeValid(stopped, place)
    await until('nothing to stay behind', () => alive(stopped.work).length === 0, 3_000)

    const hurt = run(t, place, 'hurt', '--minutes', '1', '--workers', '1', '--train', '0.3', '--', '--train.slots', '4')
    const pidOf = (word: string): number | undefined =>
      alive(place.bundle).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(word))
    for (const word of ['worker', 'adapt']) {
      await until(`a process called ${word}`, () => pidOf(word) !== undefined, 20_000)
      await new Promise((resolve) => setTimeout(resolve, 1500))
      process.kill(pidOf(word)!, 'SIGKILL')
      mustBeValid(hurt, place)
    }
    assert.equal(await hurt.ended, 0, hurt.said())
    assert.match(hurt.said(), /the solver ended \(SIGKILL\)/)
    mustBeValid(hurt, place)
    assert.ok(answered(hurt) > 0, `${hurt.said()}\n${readFileSync(join(hurt.work, 'adapt.log'), 'utf8')}`)
  },
)

test(
  'with --train 0 the model answers as it is; what is no challenges file is refused in words',
  options,
  async (t) => {
    const place = await packed(t)
    const asIs = run(t, place, 'as-is', '--minutes', '0.5', '--train', '0', '--workers', '1')
    assert.equal(await asIs.ended, 0, asIs.said())
    mustBeValid(asIs, place)
    assert.match(readFileSync(join(asIs.work, 'adapt.log'), 'utf8'), /which never met these tasks/)
    const wrong = run(t, { ...place, challenges: join(place.folder, 'absent.json') }, 'wrong')
    assert.equal(await wrong.ended, 3)
    assert.match(wrong.said(), /cannot read .*absent\.json[^]*\n {2}-> /)
  },
)
