// Workers as child processes of `start` and `workers`. They live in a process group of their own, so that Ctrl-C reaches the
// run first; and they hold a channel to their parent, so that they end when it does, however it ends.
import { fork, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface WorkerProcessOptions {
  readonly label: string
  /** Flags of `trmesh worker`. */
  readonly flags: readonly string[]
  /** Folder of the log, LABEL.log. */
  readonly logs: string
  /** Called when it ends by itself; with the end of its log. */
  readonly onExit: (status: number | null, logTail: string) => void
}

export interface WorkerProcess {
  readonly label: string
  readonly pid: number | undefined
  readonly logFile: string
  readonly ended: Promise<void>
  /** SIGTERM (a polite leave), and SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<void>
  /** At once. */
  kill(): void
}

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), '..', 'cli', 'main.js')
const TAIL_CHARACTERS = 2000

export function startWorkerProcess({ label, flags, logs, onExit }: WorkerProcessOptions): WorkerProcess {
  mkdirSync(logs, { recursive: true })
  const logFile = join(logs, `${label}.log`)
  const log = openSync(logFile, 'a')
  const child: ChildProcess = fork(PROGRAM, ['worker', '--label', label, ...flags], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  let stopping = false
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (status) => {
      if (!stopping) onExit(status, readFileSync(logFile, 'utf8').slice(-TAIL_CHARACTERS))
      resolve()
    })
  })
  return {
    label,
    pid: child.pid,
    logFile,
    ended,
    async stop(graceMs) {
      stopping = true
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(timer)
    },
    kill() {
      stopping = true
      child.kill('SIGKILL')
    },
  }
}
