// `trmesh`: the only file that reads the arguments and the environment, and the only one that ends the process.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, RunError } from '../../shared/errors.js'
import { EXIT } from './exit-codes.js'
import { runProgram } from './program.js'
import { listenForStop } from './signals.js'
import { createTerminal } from './terminal.js'

/** The checkout: this file is compiled to .build/deploy/cli/main.js. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

const out = createTerminal(process.stdout, () => performance.now())

function end(code: number): never {
  out.close()
  process.exit(code)
}

function fail(error: unknown): never {
  out.close()
  const bug = error instanceof RunError ? '' : '\n  -> this is a bug in trmesh; please report it with the lines above'
  process.stderr.write(`trmesh: ${describe(error)}${bug}\n`)
  process.exit(error instanceof RunError ? error.exitCode : EXIT.bug)
}

// A reader that went away, as in `trmesh --help | head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  error.code === 'EPIPE' ? process.exit(EXIT.ok) : fail(error),
)
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

const signal = listenForStop(process, {
  polite: () => out.line('stopping; once more to stop at once'),
  atOnce: () => end(EXIT.interrupted),
})

// A process started by another of ours ends with its parent, however and however early that ends. Without a parent there is
// no such channel, and `connected` is undefined.
process.on('disconnect', () => end(EXIT.ok))
if ((process.connected as boolean | undefined) === false) end(EXIT.ok)

try {
  await runProgram(process.argv.slice(2), { env: process.env, cwd: process.cwd(), root, version, signal, out })
} catch (error) {
  fail(error)
}
end(EXIT.ok)
