// `trmesh worker`: one process that computes, on one GPU or on the CPU. The run's settings come from its coordinator.
import type { Command } from 'commander'
import type { CliContext } from '../context.js'
import { serveWorker } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addRecompute, addThreads, isWorkerSetting, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh worker --gpu 0
  npx trmesh worker --nats nats://10.0.0.1:4222 --run arc1 --backend tensorflow
  npx trmesh worker --config run.json --threads 4

Variables about this machine:
  TRMESH_ISA=avx2    the native engine for a lower instruction set than the best: amx, avx512bf16, avx512, avx2, portable`

interface WorkerFlags {
  backend: Backend
  gpu?: number
  threads?: number
  recompute?: true
  label?: string
}

export function registerWorker(program: Command, context: CliContext): void {
  const command = program
    .command('worker')
    .description('compute for a run: one process per GPU, or per share of a CPU')
    .option('--gpu <N>', 'use this GPU and no other (default: the CPU, unless the backend finds a GPU)', wholeNumber(0))
    .option('--label <TEXT>', 'name shown in reports (default: host and process)')
    .addHelpText('after', EXAMPLES)
  addSettings(addRecompute(addThreads(addBackend(command))), isWorkerSetting).action(async (flags: WorkerFlags) => {
    const { config, namesRun } = configOf(command, context)
    const { root, signal, out } = context
    await serveWorker({
      busUrl: config.bus.url,
      credentials: config.bus.credentials,
      ca: config.bus.ca,
      runId: namesRun ? config.run.id : undefined,
      backend: flags.backend,
      gpu: flags.gpu,
      threads: flags.threads,
      recompute: flags.recompute ?? false,
      isa: context.env['TRMESH_ISA'],
      label: flags.label,
      metricsHost: config.metrics.host,
      metricsPort: config.metrics.port,
      root,
      signal,
      out,
    })
  })
}
