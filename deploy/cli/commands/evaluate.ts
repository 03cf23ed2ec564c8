// `trmesh evaluate`: a checkpoint against the test set, on this machine or on workers elsewhere.
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Setting } from '../../../shared/config/schema.js'
import type { CliContext } from '../context.js'
import { savedRun, startLocal } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addThreads, crewOf, engineSetup, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh evaluate --checkpoint .trmesh/runs/tiny
  npx trmesh evaluate --checkpoint .trmesh/runs/arc1/step-00518071 --augmentations 100 --max-pairs 50
  npx trmesh evaluate --checkpoint RUN --early                 what halting early would cost and save
  npx trmesh evaluate --checkpoint RUN --rollouts 16           noisy attempts at every row, of which the most confident answers
  npx trmesh evaluate --checkpoint RUN --rollouts 8 --evaluate.relabel on --evaluate.sigma 0 --evaluate.choose first-to-halt
  npx trmesh evaluate --checkpoint RUN --nats nats://10.0.0.1:4222 --cluster.minWorkers 4   with workers elsewhere`

const EVALUATION_SETTINGS = ['batch', 'early', 'rollouts', 'sigma', 'noiseOn', 'relabel', 'choose'].map(
  (key) => `evaluate.${key}`,
)

/** Those that do not change what is evaluated. --augmentations and --max-pairs have short names of their own. */
const isEvaluationSetting = ({ key, section }: Setting): boolean =>
  section === 'bus' ||
  section === 'metrics' ||
  section === 'cluster' ||
  key === 'data.source' ||
  EVALUATION_SETTINGS.includes(key)

interface EvaluateFlags {
  checkpoint: string
  to?: string
  workers?: number
  augmentations?: number
  maxPairs?: number
  early?: true
  backend: Backend
  threads?: number
}

export function registerEvaluate(program: Command, context: CliContext): void {
  const command = program
    .command('evaluate')
    .description('evaluate a checkpoint: votes, pass@K with intervals, and an ARC Prize answer sheet')
    .requiredOption('--checkpoint <DIR>', 'a checkpoint, or a run, which means its newest')
    .option('--to <FOLDER>', 'where evaluation.json and submission.json go (default: beside the checkpoint)')
    .option('--workers <N>', 'workers on this machine (default: 2; with --nats 0)', wholeNumber(0))
    .option('--augmentations <N>', 'augmented copies per test pair that vote, at most', wholeNumber(0))
    .option('--max-pairs <N>', 'test pairs at most; 0: all', wholeNumber(0))
    .option('--early', 'also score the answers at which each row would halt early, and say what that saves')
    .addHelpText('after', EXAMPLES)
  addSettings(addThreads(addBackend(command)), isEvaluationSetting).action(async (flags: EvaluateFlags) => {
    const { cwd, root, signal, out, env } = context
    const saved = await savedRun(resolve(cwd, flags.checkpoint))
    const { config: own } = configOf(command, context, 'tiny', { path: saved.dir, text: saved.configText })
    const { augmentations = own.evaluate.augmentations, maxPairs = own.evaluate.maxPairs } = flags
    const workers = crewOf(flags.workers, own)
    const config = {
      ...own,
      // A run of its own name, so that it never meets the one it came from on the same bus.
      run: { ...own.run, id: `${own.run.id.slice(0, 53)}-evaluation` },
      evaluate: { ...own.evaluate, augmentations, maxPairs, early: flags.early ? 'on' : own.evaluate.early },
    }
    const beside = join(dirname(saved.dir), basename(saved.dir).replace(/^step-/, 'evaluation-'))
    const to =
      flags.to !== undefined ? resolve(cwd, flags.to) : beside === saved.dir ? `${saved.dir}-evaluation` : beside
    const { backend, threads } = flags
    const engines = engineSetup(workers === 0 ? 'wasm' : backend, env['TRMESH_NO_TENSORFLOW'])
    const tensorflowWheel = env['TRMESH_TENSORFLOW_WHEEL'] || undefined
    const evaluation = { checkpoint: saved.dir, to }
    const machine = { workers, backend, threads, engines, tensorflowWheel, root, signal, out }
    await startLocal({ config, fresh: false, evaluation, ...machine })
  })
}
