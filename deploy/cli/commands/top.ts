// `trmesh top`: the essentials of a run, live, for those without Grafana.
import type { Command } from 'commander'
import { ConfigError } from '../../../shared/errors.js'
import type { CliContext } from '../context.js'
import { watchRun } from '../entries.js'
import { wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh top                          the run last started in this folder
  npx trmesh top --run my-run --once      one look at that one
  npx trmesh top http://10.0.0.1:9400     the run of that coordinator (its --metrics-port)`

export function registerTop(program: Command, context: CliContext): void {
  const command = program
    .command('top')
    .description('show a run live: loss, pace, faults, and what each worker is doing')
    .argument('[URL]', "metrics of a run's coordinator; default: found in the folder of the runs")
    .option('--every <SECONDS>', 'time between two looks', wholeNumber(1), 2)
    .option('--once', 'look once and end')
    .addHelpText('after', EXAMPLES)
  addSettings(command, ({ section }) => section === 'run').action(
    async (url: string | undefined, flags: { every: number; once?: true }) => {
      if (url !== undefined && !/^https?:\/\/[^/]/.test(url))
        throw new ConfigError(`${url} is no address of metrics`, 'write http://HOST:PORT, as the coordinator prints it')
      const { config, namesRun } = configOf(command, context)
      await watchRun({
        url,
        runs: config.run.dir,
        run: namesRun ? config.run.id : undefined,
        seconds: flags.every,
        once: flags.once === true,
        signal: context.signal,
        out: context.out,
      })
    },
  )
}
