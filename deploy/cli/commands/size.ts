// `trmesh size`: what a run needs, in time, bytes, memory and money, for so many workers; before it is started.
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { DEVICES, type DeviceName } from '../../size/figures.js'
import { DEFAULT_GROUND, DEFAULT_WORKERS, sizeText, sizingPage } from '../../size/page.js'
import type { CliContext } from '../context.js'
import { wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh size --preset arc1 --workers 8 --gpu h100 --price 2.5
  npx trmesh size --preset arc1 --rate 120            with the samples/s that one worker was seen to do
  npx trmesh size --preset maze --slots 1536 --reduce.wire f32 --workers 4,8,16`

interface SizeFlags {
  workers: readonly number[]
  gpu: DeviceName
  rate?: number
  price?: number
  workerLine: number
  brokerLine: number
  brokerCores: number
  page?: true
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

const counts = (text: string): number[] => text.split(',').map(wholeNumber(1))

export function registerSize(program: Command, context: CliContext): void {
  const command = program
    .command('size')
    .description('what a run needs: hours, bytes on the wire, load of the NATS server, memory, cost')
    .option('--workers <N,N,...>', 'numbers of workers', counts, [...DEFAULT_WORKERS])
    .addOption(
      new Option('--gpu <NAME>', 'device whose speed is taken; what that is, is printed')
        .choices(Object.keys(DEVICES))
        .default('h100'),
    )
    .option('--rate <SAMPLES/S>', 'samples a second of one worker, as you measured them, instead', positive)
    .option('--price <X>', 'of one device for one hour; adds the cost', positive)
    .option('--worker-line <GBIT/S>', "a worker's network", positive, DEFAULT_GROUND.workerLine)
    .option('--broker-line <GBIT/S>', "the NATS server's network", positive, DEFAULT_GROUND.brokerLine)
    .option('--broker-cores <N>', "the NATS server's cores", wholeNumber(1), DEFAULT_GROUND.brokerCores)
    .option('--page', 'print deploy/SIZING.md: all presets')
    .addHelpText('after', EXAMPLES)
  addSettings(command).action((flags: SizeFlags) => {
    if (flags.page) return context.out.line(sizingPage().trimEnd())
    const { config } = configOf(command, context, 'arc1')
    const { workers, gpu: device, rate, price, workerLine, brokerLine, brokerCores } = flags
    context.out.line(sizeText({ config, workers, device, rate, price, workerLine, brokerLine, brokerCores }))
  })
}
