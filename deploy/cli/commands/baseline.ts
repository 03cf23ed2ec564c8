// `trmesh baseline`: TRM beside language models on the same device, through the same bus, in one run.
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { DEFAULT_BUS_URL, type Setting } from '../../../shared/config/schema.js'
import { LANGUAGE_SIZES, TUNINGS, type LanguageSize, type Tuning } from '../../../shared/language/shape.js'
import type { CliContext } from '../context.js'
import { startBaseline } from '../entries.js'
import type { Backend } from '../options.js'
import { addBackend, addThreads, engineSetup, wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh baseline                                   15M and 60M, all weights and LoRA, about ten minutes
  npx trmesh baseline --size 160m,400m --mode lora --minutes 30
  npx trmesh baseline --data arc-agi-1 --price-per-hour 2.50 --json
  npx trmesh baseline --nats nats://10.0.0.1:4222 --run cmp   then there: trmesh worker --gpu 0 --run cmp`

/** What TRM is measured (the preset's model), on which data, and where. */
const isBaselineSetting = ({ key, section }: Setting): boolean =>
  ['preset', 'bus', 'model', 'data'].includes(section) || key === 'preset' || key === 'run.id' || key === 'run.seed'

/** A list of known words. */
const someOf =
  <T extends string>(known: readonly T[]) =>
  (text: string): T[] =>
    text.split(',').map((word) => {
      const found = known.find((one) => one === word.toLowerCase())
      if (found === undefined) throw new InvalidArgumentError(`It must be some of ${known.join(', ')}.`)
      return found
    })

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

interface BaselineFlags {
  size: LanguageSize[]
  mode: Tuning[]
  minutes: number
  batch: number
  context: number
  pricePerHour?: number
  to?: string
  json?: true
  backend: Backend
  threads?: number
}

export function registerBaseline(program: Command, context: CliContext): void {
  const command = program
    .command('baseline')
    .description('measure language models beside TRM: training, generation, memory, energy, cost')
    .addOption(
      new Option('--size <LIST>', `language models to build: ${LANGUAGE_SIZES.join(', ')}`)
        .argParser(someOf(LANGUAGE_SIZES))
        .default(['15m', '60m'], '15m,60m'),
    )
    .addOption(
      new Option('--mode <LIST>', 'full: train all weights; lora: adapters of rank 16')
        .argParser(someOf(TUNINGS))
        .default(TUNINGS, 'full,lora'),
    )
    .option('--minutes <M>', 'time for all measurements together, about', positive, 10)
    .option('--batch <N>', 'samples per optimizer step, of TRM too', wholeNumber(1), 2)
    .option('--context <N>', 'tokens of the longest text taken', wholeNumber(64), 4096)
    .option('--price-per-hour <X>', 'price of the device, for the cost per task', positive)
    .option('--to <FILE>', 'where the figures go (default: baseline.json beside the runs)')
    .option('--json', 'print the figures as one JSON document')
    .addHelpText('after', EXAMPLES)
  addSettings(addThreads(addBackend(command)), isBaselineSetting).action(async (flags: BaselineFlags) => {
    const { cwd, root, signal, env } = context
    const { config, namesRun } = configOf(command, context, 'arc1')
    const local = config.bus.url === DEFAULT_BUS_URL
    const own = command.getOptionValueSource('data.source') === undefined && env['TRMESH_DATA_SOURCE'] === undefined
    const { backend, threads, batch } = flags
    // A JSON document stands alone on the output.
    const silent = { ...context.out, line: (text: string) => void (text.startsWith('{') && context.out.line(text)) }
    const out = flags.json ? { ...silent, status: () => undefined } : context.out
    const baseline = {
      sizes: flags.size,
      tunings: flags.mode,
      minutes: flags.minutes,
      batch,
      context: flags.context,
      pricePerHour: flags.pricePerHour,
      to: flags.to === undefined ? join(config.run.dir, 'baseline.json') : resolve(cwd, flags.to),
      json: flags.json === true,
      local,
    }
    await startBaseline(
      {
        config: {
          ...config,
          run: { ...config.run, id: namesRun ? config.run.id : 'baseline' },
          // Without data named: tasks made here, as large as the canvas; one copy of each is enough to time.
          data: { ...config.data, ...(own ? { source: 'generated' } : {}), augmentations: 0 },
          train: { ...config.train, slots: batch },
        },
        fresh: false,
        workers: local ? 1 : 0,
        backend,
        threads,
        engines: engineSetup(local ? backend : 'wasm', env['TRMESH_NO_TENSORFLOW']),
        tensorflowWheel: env['TRMESH_TENSORFLOW_WHEEL'] || undefined,
        root,
        signal,
        out,
      },
      baseline,
    )
  })
}
