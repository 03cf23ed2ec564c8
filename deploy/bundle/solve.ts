// Answers a challenges file within a time that is given, whatever happens. This process stays small and does nothing that can
// fail slowly: it writes a valid answer sheet first, then lets a child train and answer, takes over what the child has found,
// starts it again if it dies, and ends it when time is up. Nobody else writes the sheet.
import { fork, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  answersText,
  counted,
  merged,
  noAnswers,
  parseAnswers,
  sheetText,
  type Answers,
} from '../../shared/arc/answers.js'
import { keysInOrder } from '../../shared/arc/json-keys.js'
import { parseTask } from '../../shared/arc/task.js'
import { DataError } from '../../shared/errors.js'

export interface SolveOptions {
  /** The bundle's folder; nothing is written there. */
  readonly bundle: string
  readonly challenges: string
  readonly submission: string
  /** For all of it, from the start of this process on. */
  readonly minutes: number
  /** Part of the minutes for training; 0: none. */
  readonly train: number
  readonly workers: number
  readonly backend: string
  /** Folder of logs and checkpoints; in one that was used before, it goes on from there. */
  readonly work: string
  /** More arguments of `trmesh adapt`. */
  readonly more: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds since this process began. */
  readonly now: () => number
  readonly say: (line: string) => void
}

/** How long before its end everything is stopped, at most and as a part of the time. */
const RESERVE = { ms: 3000, part: 0.08 }
/** From the start of the child until it trains, roughly. */
const START_MS = 2500
const POLL_MS = 200
const KILL_MS = 400
/** A child that dies so soon has learned nothing that would help the next. */
const RETRIES = 12
const RETRY_MS = 300
/** Exit statuses that another try would not change: usage, data, backend. */
const HOPELESS = [2, 3, 4]
const TAIL = 600

export class Solver {
  private sheet: Answers = new Map()
  private written = ''
  private seen = ''
  private child: ChildProcess | undefined
  private over = false
  private readonly deadline: number
  private readonly trainEnd: number

  constructor(private readonly options: SolveOptions) {
    const ms = options.minutes * 60_000
    this.deadline = ms - Math.min(RESERVE.ms, RESERVE.part * ms)
    this.trainEnd = options.train * this.deadline
  }

  /** @returns the exit status @throws DataError if the challenges cannot be read: only then is there no sheet */
  async solve(): Promise<number> {
    const { challenges, work, say } = this.options
    const text = this.read(challenges)
    mkdirSync(work, { recursive: true })
    this.sheet = this.blank(text)
    this.keep(existsSync(this.place('best.json')) ? readFileSync(this.place('best.json'), 'utf8') : '')
    this.write()
    const { inputs } = counted(this.sheet)
    say(`${this.sheet.size} tasks, ${inputs} test inputs; ${this.options.submission} is there, and gets better`)
    if (this.prepare(text) === 0) {
      say('no task of the file can be read: nothing to answer')
      return HOPELESS[1]!
    }
    const status = await Promise.race([this.attempts(), this.timeUp()])
    await this.end()
    const { answered, votes } = counted(this.sheet)
    say(`${answered} of ${inputs} test inputs answered, ${votes} votes; ${(this.options.now() / 1000).toFixed(1)} s`)
    return status
  }

  /** Stops at once; the sheet on disk is the best there is. Safe to call at any time. */
  async end(): Promise<void> {
    this.over = true
    const { child } = this
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      // The second one ends it at once, with everything that it started.
      child.kill('SIGTERM')
      await sleep(20)
      child.kill('SIGTERM')
      await Promise.race([gone, sleep(KILL_MS)])
      child.kill('SIGKILL')
    }
    this.sweep()
    this.look()
  }

  private read(path: string): string {
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      throw new DataError(`cannot read ${path}: ${String(cause)}`, 'name the file of challenges with --challenges', {
        cause,
      })
    }
  }

  private blank(text: string): Answers {
    try {
      return noAnswers(text)
    } catch (cause) {
      throw new DataError(
        `${this.options.challenges} holds no challenges: ${String(cause)}`,
        'the form is {"task": {"train": [...], "test": [...]}, ...}',
        { cause },
      )
    }
  }

  private place(name: string): string {
    return join(this.options.work, name)
  }

  /** What the child needs, where it may write. @returns number of tasks that can be read */
  private prepare(text: string): number {
    const { bundle, say } = this.options
    const tasks = JSON.parse(text) as Record<string, unknown>
    const good = keysInOrder(text).filter((name) => {
      try {
        parseTask('challenges', name, tasks[name])
        return true
      } catch (error) {
        if (!(error instanceof DataError)) throw error
        say(`left unanswered: ${error.message}`)
        return false
      }
    })
    const entries = good.map((name) => `${JSON.stringify(name)}: ${JSON.stringify(tasks[name])}`)
    replace(this.place('challenges.json'), `{${entries.join(',\n')}}`)
    // A bundle that was copied about may have lost the right to run it.
    mkdirSync(this.place('bin'), { recursive: true })
    const program = this.place(join('bin', 'nats-server'))
    if (!existsSync(program)) copyFileSync(join(bundle, 'bin', 'nats-server'), program)
    chmodSync(program, 0o755)
    return good.length
  }

  /** Until everything is answered, or nothing helps. */
  private async attempts(): Promise<number> {
    const { say } = this.options
    for (let attempt = 0; ; attempt++) {
      const status = await this.attempt(attempt)
      if (this.over) return 0
      this.sweep()
      this.look()
      if (status === 0) return 0
      say(`the solver ended (${status}); its log is ${this.place('adapt.log')}:\n${this.tail()}`)
      if (typeof status === 'number' && HOPELESS.includes(status)) return status
      if (attempt === RETRIES) return 1
      await sleep(RETRY_MS * (attempt + 1))
    }
  }

  private attempt(attempt: number): Promise<number | string> {
    const { bundle, train, workers, backend, more, now, env } = this.options
    const minutes = Math.max(0.001, (this.trainEnd - now() - START_MS) / 60_000)
    // What ran out of memory twice gets more of it.
    const crew = Math.max(1, attempt < 2 ? workers : workers >> Math.floor(attempt / 2))
    const log = openSync(this.place('adapt.log'), 'a')
    const child = fork(
      join(bundle, 'app', '.build', 'deploy', 'cli', 'main.js'),
      [
        ...['adapt', '--checkpoint', join(bundle, 'model'), '--challenges', this.place('challenges.json')],
        ...['--out', this.place('run'), '--answers', this.place('answers.json'), '--state', this.place('state')],
        ...['--workers', String(crew), '--backend', backend, '--no-setup'],
        ...(train === 0 ? ['--untrained'] : ['--minutes', minutes.toFixed(4)]),
        ...more,
      ],
      {
        stdio: ['ignore', log, log, 'ipc'],
        env: { ...env, PATH: `${this.place('bin')}:${env['PATH'] ?? ''}` },
      },
    )
    closeSync(log)
    this.child = child
    const looking = setInterval(() => this.look(), POLL_MS)
    return new Promise((resolve) => {
      const ended = (status: number | string): void => {
        clearInterval(looking)
        resolve(status)
      }
      child.once('error', (error) => ended(error.message))
      child.once('exit', (status, signal) => ended(status ?? signal ?? 'unknown'))
    })
  }

  private async timeUp(): Promise<number> {
    await sleep(Math.max(0, this.deadline - this.options.now()), undefined, { ref: false })
    this.options.say('time is up')
    return 0
  }

  /** Takes over what the child has found since. */
  private look(): void {
    const file = this.place('answers.json')
    if (!existsSync(file)) return
    const text = readFileSync(file, 'utf8')
    if (text === this.seen) return
    this.seen = text
    this.keep(text)
    this.write()
  }

  private keep(text: string): void {
    const found = parseAnswers(text)
    if (found !== undefined) this.sheet = merged(this.sheet, found)
  }

  private write(): void {
    const text = sheetText(this.sheet)
    if (text === this.written) return
    replace(this.options.submission, text)
    replace(this.place('best.json'), answersText(this.sheet))
    this.written = text
  }

  /** A child that was killed could not end its nats-server; workers end by themselves. */
  private sweep(): void {
    const folder = this.place(join('state', 'nats'))
    if (!existsSync(folder)) return
    for (const name of readdirSync(folder)) {
      const pid = /^nats-server_(\d+)\.ports$/.exec(name)?.[1]
      if (pid === undefined) continue
      try {
        process.kill(Number(pid), 'SIGTERM')
      } catch {
        // It is gone already.
      }
      rmSync(join(folder, name), { force: true })
    }
  }

  private tail(): string {
    const log = this.place('adapt.log')
    return existsSync(log) ? readFileSync(log, 'utf8').slice(-TAIL).trim() : ''
  }
}

/** Whole or not at all, also if the machine goes down. */
function replace(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const passing = `${path}.tmp-${process.pid}`
  const file = openSync(passing, 'w')
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(passing, path)
}
