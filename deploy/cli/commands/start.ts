// `trmesh start` (npm start): everything on this machine, from nothing to a trained and evaluated model.
import type { Command } from 'commander'
import { printConfig } from '../../../shared/config/compile.js'
import type { CliContext } from '../context.js'
import { startLocal } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addRecompute, addThreads, engineSetup, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npm start                                    train the tiny preset on generated tasks; again, to resume it
  npm start -- --fresh                         start over
  npm start -- --data ../tasks --canvas 12     train on a folder of ARC task files
  npx trmesh start --preset arc1 --workers 4   the official ARC-AGI-1 recipe
  npx trmesh start --print-config > run.json   write the configuration; edit it, then --config run.json

Variables about this machine:
  TRMESH_NO_TENSORFLOW=1          do not set up TensorFlow where there is no native engine
  TRMESH_TENSORFLOW_WHEEL=FILE    set it up from this wheel instead of fetching one`

interface StartFlags {
  workers: number
  backend: Backend
  threads?: number
  recompute?: true
  fresh?: true
  printConfig?: true
}

export function registerStart(program: Command, context: CliContext): void {
  const command = program
    .command('start')
    .description('train on this machine: NATS, one coordinator and some workers')
    .option('--workers <N>', 'number of workers', wholeNumber(1), 2)
    .option('--fresh', 'start over even if the run has checkpoints')
    .option('--print-config', 'print the configuration as JSON and end')
    .addHelpText('after', EXAMPLES)
  addSettings(addRecompute(addThreads(addBackend(command)))).action(async (flags: StartFlags) => {
    const { config } = configOf(command, context)
    if (flags.printConfig) return context.out.line(printConfig(config).trimEnd())
    const { root, signal, out } = context
    const { workers, backend, threads, recompute = false, fresh = false } = flags
    const engines = engineSetup(backend, context.env['TRMESH_NO_TENSORFLOW'])
    const tensorflowWheel = context.env['TRMESH_TENSORFLOW_WHEEL'] || undefined
    await startLocal({
      config,
      workers,
      backend,
      threads,
      recompute,
      fresh,
      engines,
      tensorflowWheel,
      root,
      signal,
      out,
    })
  })
}
