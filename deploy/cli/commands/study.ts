// `trmesh study`: the critical reading of TRM, on a checkpoint of one's own.
import { basename, dirname, join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { Setting } from '../../../shared/config/schema.js'
import { ConfigError } from '../../../shared/errors.js'
import type { CliContext } from '../context.js'
import { checkStudyName, listStudies, runStudy, savedRun } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addThreads, crewOf, engineSetup, numberFrom, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh study                                                     what can be asked
  npx trmesh study voting --checkpoint .trmesh/runs/arc1
  npx trmesh study identity --checkpoint RUN --max-pairs 50
  npx trmesh study testtime --checkpoint RUN --rollouts 32 --augmentations 15       what more steps at test time buy
  npx trmesh study augmentation --checkpoint RUN --augmentations 100 --steps 2000   trains two runs
  npx trmesh study voting --checkpoint RUN --nats nats://10.0.0.1:4222              with workers elsewhere

Files go to study-NAME in the folder of the run: study.json, study.csv, pictures as SVG; \`npx trmesh report RUN\` shows them.`

/** Those that do not change what is evaluated. */
const isStudySetting = ({ key, section }: Setting): boolean =>
  section === 'bus' ||
  section === 'metrics' ||
  section === 'cluster' ||
  key === 'data.source' ||
  key === 'evaluate.batch'

interface StudyFlags {
  checkpoint?: string
  to?: string
  workers?: number
  augmentations?: number
  maxPairs?: number
  seed: number
  resamples: number
  steps?: number
  batches: number
  rollouts: number
  sigma: number
  noiseOn: 'answer' | 'all'
  backend: Backend
  threads?: number
}

export function registerStudy(program: Command, context: CliContext): void {
  const command = program
    .command('study')
    .description(
      'where does the accuracy come from? voting, identity, recursion, testtime, augmentation; and what does it cost?',
    )
    .argument('[NAME]', 'which study; without it they are listed')
    .option('--checkpoint <DIR>', 'a checkpoint, or a run, which means its newest')
    .option('--to <FOLDER>', 'where its files go (default: study-NAME in the folder of the run)')
    .option('--workers <N>', 'workers on this machine (default: 2; with --nats 0)', wholeNumber(0))
    .option(
      '--augmentations <N>',
      'augmented copies per test pair at most; of `augmentation`: per task',
      wholeNumber(0),
    )
    .option('--max-pairs <N>', 'test pairs at most; 0: all', wholeNumber(0))
    .option('--seed <N>', 'seed of what the study draws', wholeNumber(0), 0)
    .option('--resamples <N>', 'resamples behind an interval', wholeNumber(100), 1000)
    .option('--steps <N>', '`augmentation`: steps each run trains (default: those of the checkpoint)', wholeNumber(1))
    .option('--batches <N>', '`efficiency`: units of work timed', wholeNumber(4), 20)
    .option('--rollouts <N>', '`testtime`: noisy rollouts of every question', wholeNumber(1), 16)
    .option('--sigma <S>', '`testtime`: standard deviation of their noise', numberFrom(0), 0.3)
    .addOption(
      new Option('--noise-on <STATES>', '`testtime`: noise on z_H alone, or on all states')
        .choices(['answer', 'all'])
        .default('answer'),
    )
    .addHelpText('after', EXAMPLES)
  addSettings(addThreads(addBackend(command)), isStudySetting).action(
    async (name: string | undefined, flags: StudyFlags) => {
      if (name === undefined) return await list(context)
      await checkStudyName(name)
      if (flags.checkpoint === undefined)
        throw new ConfigError(`${name} needs a checkpoint`, 'give --checkpoint DIR, such as .trmesh/runs/tiny')
      await runStudy(await order(name, flags.checkpoint, flags, command, context))
    },
  )
}

async function list({ out }: CliContext): Promise<void> {
  const studies = await listStudies()
  const wide = Math.max(...studies.map(({ name }) => name.length))
  for (const { name, question, cost } of studies)
    out.line(`${name.padEnd(wide)}  ${question}\n${' '.repeat(wide)}  ${cost}`)
  out.line('\nnpx trmesh study NAME --checkpoint DIR makes one; --help says the rest')
}

async function order(
  name: string,
  checkpoint: string,
  flags: StudyFlags,
  command: Command,
  context: CliContext,
): Promise<Parameters<typeof runStudy>[0]> {
  const { cwd, root, signal, out, env } = context
  const saved = await savedRun(resolve(cwd, checkpoint))
  const { config: own } = configOf(command, context, 'tiny', { path: saved.dir, text: saved.configText })
  const workers = crewOf(flags.workers, own)
  const { backend, threads, augmentations, maxPairs = own.evaluate.maxPairs, seed, resamples, steps, batches } = flags
  const { rollouts, sigma, noiseOn } = flags
  const config = {
    ...own,
    // A run of its own name, so that it never meets the one it came from on the same bus.
    run: { ...own.run, id: `${own.run.id.slice(0, 58)}-study` },
    evaluate: { ...own.evaluate, maxPairs },
  }
  const run = /^step-\d+$/.test(basename(saved.dir)) ? dirname(saved.dir) : saved.dir
  return {
    name,
    ...{ config, saved },
    wishes: { augmentations, maxPairs: flags.maxPairs, resamples, steps, batches, rollouts, sigma, noiseOn, seed },
    folder: flags.to === undefined ? join(run, `study-${name}`) : resolve(cwd, flags.to),
    machine: {
      ...{ workers, backend, threads, root, signal, out },
      engines: engineSetup(workers === 0 ? 'wasm' : backend, env['TRMESH_NO_TENSORFLOW']),
      tensorflowWheel: env['TRMESH_TENSORFLOW_WHEEL'] || undefined,
    },
  }
}
