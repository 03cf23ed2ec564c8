// `trmesh coordinator`: the process that decides. Workers join it over NATS.
import type { Command } from 'commander'
import { printConfig } from '../../../shared/config/compile.js'
import type { CliContext } from '../context.js'
import { serveCoordinator } from '../entries.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh coordinator --config run.json
  npx trmesh coordinator --preset arc1 --nats nats://10.0.0.1:4222 --cluster.minWorkers 4
  npx trmesh coordinator --preset arc1 --print-config > run.json`

export function registerCoordinator(program: Command, context: CliContext): void {
  const command = program
    .command('coordinator')
    .description('serve a run: data order, membership, commits, checkpoints, evaluation')
    .option('--fresh', 'start over even if the run has checkpoints')
    .option('--print-config', 'print the configuration as JSON and end')
    .addHelpText('after', EXAMPLES)
  addSettings(command).action(async (flags: { fresh?: true; printConfig?: true }) => {
    const { config } = configOf(command, context)
    if (flags.printConfig) return context.out.line(printConfig(config).trimEnd())
    const { root, signal, out } = context
    await serveCoordinator({ config, fresh: flags.fresh ?? false, root, signal, out })
  })
}
