// `trmesh reproduce`: a published result, or a claim of the paper in miniature, run from its recipe to the table.
import type { Command } from 'commander'
import type { Setting } from '../../../shared/config/schema.js'
import { ConfigError } from '../../../shared/errors.js'
import type { CliContext } from '../context.js'
import { reproduceRecipe, recipeOf, listRecipes } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addRecompute, addThreads, crewOf, engineSetup, numberFrom, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh reproduce                                       what can be reproduced
  npx trmesh reproduce sudoku-small                          a claim of the paper, on a laptop
  npx trmesh reproduce sudoku-mlp --estimate --watts 250     hours and energy on this machine, nothing more
  npx trmesh reproduce maze --data generated                 without the published data; the table says so
  npx trmesh reproduce arc1 --nats nats://10.0.0.1:4222 --rate 900   with workers elsewhere that do 900 samples/s

Ctrl-C saves and stops; the same command goes on. Any setting may be changed by its flag, and is then in the table.`

/** A recipe names its runs and its presets. */
const isRecipeSetting = ({ key }: Setting): boolean => key !== 'run.id' && key !== 'preset'

interface ReproduceFlags {
  workers?: number
  backend: Backend
  threads?: number
  recompute?: true
  fresh?: true
  estimate?: true
  price?: number
  watts?: number
  rate?: number
  devices: number
}

export function registerReproduce(program: Command, context: CliContext): void {
  const command = program
    .command('reproduce')
    .description('run a published recipe, say first what it costs, put the result beside the reported one')
    .argument('[NAME]', 'sudoku-mlp, sudoku-att, maze, arc1, arc2, or sudoku-small; without it they are listed')
    .option('--estimate', 'only say what it will cost on this machine')
    .option('--price <X>', 'of one device for one hour; adds the cost', numberFrom(0))
    .option('--watts <W>', 'drawn by one device; adds the energy', numberFrom(0))
    .option(
      '--devices <N>',
      'devices that price and watts are meant for; the processors of this machine are one',
      wholeNumber(1),
      1,
    )
    .option('--rate <SAMPLES/S>', 'of all workers together, where it is known; not measured then', numberFrom(1e-9))
    .option('--workers <N>', 'workers on this machine (default: 2; with --nats 0)', wholeNumber(0))
    .option('--fresh', 'start over even if there are checkpoints')
    .addHelpText('after', EXAMPLES)
  addSettings(addRecompute(addThreads(addBackend(command))), isRecipeSetting).action(
    async (name: string | undefined, flags: ReproduceFlags) => {
      const { root, signal, out, env } = context
      if (name === undefined) {
        for (const recipe of await listRecipes()) out.line(`${recipe.name.padEnd(14)}${recipe.title}`)
        return
      }
      const recipe = await recipeOf(name)
      const configs = recipe.arms.map(({ settings, run }) => {
        const { config } = configOf(command, context, 'tiny', {
          path: `recipe ${name}`,
          text: JSON.stringify(settings),
        })
        return { ...config, run: { ...config.run, id: run } }
      })
      const workers = crewOf(flags.workers, configs[0] ?? configOf(command, context).config)
      if (workers === 0 && flags.rate === undefined)
        throw new ConfigError(
          'workers elsewhere cannot be measured before they are here',
          'say what all of them do together with --rate SAMPLES/S (a metric of any run, or `npx trmesh size`)',
        )
      const {
        backend,
        threads,
        recompute = false,
        fresh = false,
        estimate = false,
        rate,
        price,
        watts,
        devices,
      } = flags
      await reproduceRecipe(name, {
        ...{ configs, fresh, rate },
        estimateOnly: estimate,
        wishes: { price, watts, devices },
        machine: {
          ...{ workers, backend, threads, recompute, root, signal, out },
          engines: engineSetup(workers === 0 ? 'wasm' : backend, env['TRMESH_NO_TENSORFLOW']),
          tensorflowWheel: env['TRMESH_TENSORFLOW_WHEEL'] || undefined,
        },
      })
    },
  )
}
