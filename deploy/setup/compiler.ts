// The C++ compiler that our own sources are built with: found, installed where we are root, and run; what goes wrong is one line.
import { SystemRefused } from '../../shared/errors.js'
import { aptInstall } from './apt.js'
import { run } from './command.js'

const COMPILE_MS = 300_000
export const NEED_COMPILER = 'run `apt-get install g++` as root'

export interface Compiler {
  /** g++ or clang++. */
  readonly program: string
  readonly version: string
}

/** The first of `programs` that is here. */
export async function findCompiler(programs: readonly string[]): Promise<Compiler | undefined> {
  for (const program of programs) {
    const { status, stdout } = await run(program, ['--version'], { timeoutMs: 10_000 })
    // The version ends the first line: `g++ (Debian 12.2.0-14) 12.2.0`, `Debian clang version 14.0.6`.
    if (status === 0) return { program, version: /\S+$/.exec(stdout.split('\n')[0]?.trim() ?? '')?.[0] ?? '' }
  }
  return undefined
}

/** As findCompiler; installs g++ if there is none, where we are root. @throws SystemRefused with the command that gets it */
export async function ensureCompiler(programs: readonly string[], log: (line: string) => void): Promise<Compiler> {
  const found = await findCompiler(programs)
  if (found !== undefined) return found
  await aptInstall('g++', NEED_COMPILER, log)
  const installed = await findCompiler(['g++'])
  if (installed === undefined) throw new SystemRefused('g++ is missing', NEED_COMPILER)
  return installed
}

/**
 * One call of the compiler.
 * @param what and `remedy` make the message: `${what} does not compile: first error`
 * @returns what it said beside
 * @throws SystemRefused with its first error
 */
export async function compile(
  program: string,
  args: readonly string[],
  what: string,
  remedy: string,
  timeoutMs = COMPILE_MS,
): Promise<string> {
  const result = await run(program, args, { timeoutMs })
  if (result.failure === undefined) return result.stderr
  const first = /^.*error:.*$/m.exec(result.stderr)?.[0] ?? result.failure
  throw new SystemRefused(`${what} does not compile: ${first}`, remedy)
}
