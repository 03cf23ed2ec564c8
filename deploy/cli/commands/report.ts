// `trmesh report`: a run as one HTML page.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { CliContext } from '../context.js'
import { reportRun } from '../entries.js'

const EXAMPLES = `
Examples:
  npx trmesh report .trmesh/runs/tiny
  npx trmesh report .trmesh/runs/arc1 --to arc1.html`

export function registerReport(program: Command, context: CliContext): void {
  program
    .command('report')
    .description('write a run as one HTML page: curves, grids with their votes, results beside published figures')
    .argument('<RUN>', 'folder of the run')
    .option('--to <FILE>', 'where to put it (default: report.html in the folder of the run)')
    .addHelpText('after', EXAMPLES)
    .action(async (run: string, { to }: { to?: string }) => {
      const { cwd, out } = context
      await reportRun({ folder: resolve(cwd, run), to: to === undefined ? undefined : resolve(cwd, to), out })
    })
}
