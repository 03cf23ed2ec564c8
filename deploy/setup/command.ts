// Runs another program to its end: what it printed, how it ended, never longer than it may take.
import { spawn } from 'node:child_process'

export interface CommandResult {
  /** Exit status; null if it could not be started, was killed, or took too long. */
  status: number | null
  stdout: string
  stderr: string
  /** One line for people if `status` is not 0. */
  failure: string | undefined
}

export interface CommandOptions {
  cwd?: string
  /** Milliseconds until the program is killed. */
  timeoutMs: number
  /** Variables added to the environment, through `env`. */
  env?: Readonly<Record<string, string>>
}

/** Never rejects: a program that is missing is a result like any other. */
export function run(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const added = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`)
  const [file, argv] = added.length > 0 ? ['env', [...added, program, ...args]] : [program, args]
  return new Promise((resolve) => {
    let stdout = ''
    let stderr = ''
    let late = false
    // In a group of its own: what it starts must end with it when it takes too long.
    const child = spawn(file, argv, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const timer = setTimeout(() => {
      late = true
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It ended in this very moment.
      }
    }, options.timeoutMs)
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const finish = (status: number | null, failure: string | undefined): void => {
      clearTimeout(timer)
      resolve({ status, stdout, stderr, failure })
    }
    child.on('error', (error) => finish(null, `${program}: ${error.message}`))
    child.on('close', (status, signal) => {
      if (late) finish(null, `${program} took longer than ${Math.round(options.timeoutMs / 1000)} s`)
      else if (status === 0) finish(0, undefined)
      else
        finish(
          status,
          `${program} ended with ${status ?? signal}: ${lastLine(stderr) || lastLine(stdout) || 'no message'}`,
        )
    })
  })
}

/** The last line that is not empty: where programs usually say what went wrong. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? ''
}
