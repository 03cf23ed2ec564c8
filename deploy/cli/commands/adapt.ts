// `trmesh adapt`: new tasks are added to a trained model, which then trains on their demonstrations and answers them.
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { adaptedSettings, type SettingsTree } from '../../../shared/config/adapted.js'
import { printConfig } from '../../../shared/config/compile.js'
import type { Setting } from '../../../shared/config/schema.js'
import { ConfigError } from '../../../shared/errors.js'
import { isName } from '../../../shared/ids.js'
import type { CliContext } from '../context.js'
import { puzzlesOf, savedRun, startAnswering, startLocal } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addThreads, crewOf, numberFrom, engineSetup, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh adapt --checkpoint .trmesh/runs/arc1 --challenges arc-agi_test_challenges.json --minutes 300
  npx trmesh adapt --checkpoint .trmesh/runs/tiny --challenges new.json --out .trmesh/runs/new --minutes 5
  npx trmesh evaluate --checkpoint .trmesh/runs/new                 the answers once more, from its checkpoint

A quarter of the steps, or of the minutes, trains the rows of the new puzzles only, the rest everything (--train.freezeDense).
Run it again to go on. Fewer --data.augmentations let each row learn more often; --train.freezeDense 1 keeps the network as it is.`

interface AdaptFlags {
  checkpoint: string
  challenges: string
  out?: string
  minutes?: number
  workers?: number
  fresh?: true
  untrained?: true
  answers?: string
  state?: string
  setup: boolean
  printConfig?: true
  backend: Backend
  threads?: number
}

const SECTIONS: readonly string[] = ['train', 'reduce', 'cluster', 'checkpoint', 'evaluate', 'bus', 'metrics']

/** The network stays; the tasks are named by --challenges, the run by --out, the time by --minutes. */
const isAdaptSetting = ({ key, section }: Setting): boolean =>
  (SECTIONS.includes(section) && key !== 'train.minutes') || key === 'data.augmentations'

export function registerAdapt(program: Command, context: CliContext): void {
  const command = program
    .command('adapt')
    .description('add new tasks to a trained model: train on their demonstrations, then answer their test inputs')
    .requiredOption('--checkpoint <DIR>', 'the model: a checkpoint, or a run, which means its newest')
    .requiredOption('--challenges <FILE>', "the tasks, in the form of Kaggle's challenges.json")
    .option('--out <RUN>', 'the new run: a name, or a folder (default: the name of the old with -adapted)')
    .option('--minutes <M>', 'minutes of training, at most; then it evaluates, saves and ends', numberFrom(0))
    .option('--workers <N>', 'workers on this machine (default: 2; with --nats 0)', wholeNumber(0))
    .option('--fresh', 'start over even if the new run has checkpoints')
    .option('--untrained', 'answer at once, with the model as it is')
    .option('--answers <FILE>', 'keep this file up to date with the answers as they come; no report is written then')
    .option('--state <FOLDER>', 'where logs and the files of nats-server go (default: .trmesh of the checkout)')
    .option('--no-setup', 'take an engine that is here; build and fetch none')
    .option('--print-config', 'print the configuration as JSON and end')
    .addHelpText('after', EXAMPLES)
  addSettings(addThreads(addBackend(command)), isAdaptSetting).action(async (flags: AdaptFlags) => {
    const { cwd, root, signal, out, env } = context
    const saved = await savedRun(resolve(cwd, flags.checkpoint))
    const source = resolve(cwd, flags.challenges)
    if (!source.endsWith('.json'))
      throw new ConfigError(
        `${flags.challenges} is no .json file`,
        'name the file of challenges itself, not its folder',
      )
    const settings = adaptedSettings(JSON.parse(saved.configText) as SettingsTree, {
      run: runOf(flags.out, saved, cwd),
      source,
      firstPuzzle: await puzzlesOf(saved.dir),
      minutes: flags.minutes,
    })
    const { config } = configOf(command, context, 'tiny', { path: saved.dir, text: JSON.stringify(settings) })
    if (config.data.kind !== 'arc')
      throw new ConfigError(
        `${saved.dir} learned ${config.data.kind} puzzles`,
        'only models of ARC tasks take new ones: the others have one row for all puzzles, so just evaluate them',
      )
    if (flags.printConfig) return out.line(printConfig(config).trimEnd())
    const { backend, threads, fresh = false } = flags
    const workers = crewOf(flags.workers, config)
    const engines = engineSetup(workers === 0 || !flags.setup ? 'wasm' : backend, env['TRMESH_NO_TENSORFLOW'])
    const tensorflowWheel = env['TRMESH_TENSORFLOW_WHEEL'] || undefined
    const machine = { workers, backend, threads, engines, tensorflowWheel, root, signal, out }
    const { answers, untrained } = flags
    const folder = join(config.run.dir, config.run.id)
    const local = {
      ...{ config, fresh, base: saved.dir, ...machine },
      evaluation: untrained === undefined ? undefined : { checkpoint: saved.dir, to: folder },
      state: flags.state === undefined ? undefined : resolve(cwd, flags.state),
    }
    if (answers === undefined) await startLocal(local)
    else await startAnswering(local, resolve(cwd, answers))
  })
}

/** A name stands beside the model's own run, a path for itself. */
function runOf(out: string | undefined, saved: { dir: string; run: string }, cwd: string): { id: string; dir: string } {
  const beside = dirname(dirname(saved.dir))
  if (out === undefined) return { id: `${saved.run.slice(0, 56)}-adapted`, dir: beside }
  const folder = out.includes('/') ? resolve(cwd, out) : join(beside, out)
  const id = basename(folder)
  if (isName(id)) return { id, dir: dirname(folder) }
  throw new ConfigError(`--out ${out} does not end with the name of a run`, 'use 1 to 64 letters, digits, - or _')
}
