// `trmesh workers`: fills this machine: one worker per GPU found, or N workers that share the CPU.
import type { Command } from 'commander'
import type { CliContext } from '../context.js'
import { startWorkers } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addRecompute, addThreads, isWorkerSetting, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh workers --nats nats://10.0.0.1:4222     one worker per GPU of this machine
  npx trmesh workers --cpu 2                         two workers that share the CPU`

interface WorkersFlags {
  backend: Backend
  cpu?: number
  threads?: number
  recompute?: true
}

export function registerWorkers(program: Command, context: CliContext): void {
  const command = program
    .command('workers')
    .description('start one worker per GPU of this machine, or --cpu N workers')
    .option('--cpu <N>', 'start N workers on the CPU instead', wholeNumber(1))
    .addHelpText('after', EXAMPLES)
  addSettings(addRecompute(addThreads(addBackend(command))), isWorkerSetting).action(async (flags: WorkersFlags) => {
    const { config, namesRun } = configOf(command, context)
    const { root, signal, out } = context
    await startWorkers({
      busUrl: config.bus.url,
      credentials: config.bus.credentials,
      ca: config.bus.ca,
      runId: namesRun ? config.run.id : undefined,
      backend: flags.backend,
      cpu: flags.cpu,
      threads: flags.threads,
      recompute: flags.recompute ?? false,
      metricsHost: config.metrics.host,
      metricsPort: config.metrics.port,
      root,
      signal,
      out,
    })
  })
}
