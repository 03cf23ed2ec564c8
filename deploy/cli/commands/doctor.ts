// `trmesh doctor`: what this machine can do, and how to get what is missing.
import type { Command } from 'commander'
import type { CliContext } from '../context.js'
import { runDoctor } from '../entries.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh doctor
  npx trmesh doctor --json
  npx trmesh doctor --nats nats://10.0.0.1:4222   also try that server`

export function registerDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .description('tell what this machine can do: backends, GPUs, nats-server, libraries')
    .option('--json', 'report as one JSON document')
    .addHelpText('after', EXAMPLES)
  addSettings(command, ({ section }) => section === 'bus').action(async () => {
    const { config } = configOf(command, context)
    const { json } = command.opts<{ json?: true }>()
    await runDoctor({ root: context.root, busUrl: config.bus.url, json: json === true, out: context.out })
  })
}
