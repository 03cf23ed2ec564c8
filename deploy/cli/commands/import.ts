// `trmesh import`: weights of the official code become a checkpoint of a run.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { printConfig } from '../../../shared/config/compile.js'
import type { CliContext } from '../context.js'
import { importWeights } from '../entries.js'
import { wholeNumber } from '../options.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh import step_518071 --preset arc1 --run official     then: npx trmesh start --preset arc1 --run official
  npx trmesh import sudoku.pt --step 65100 --preset sudoku-mlp   where the name of the file does not say the step
  npx trmesh import weights.safetensors --config run.json        as written by \`npx trmesh export\`

FILE is what torch.save wrote of a state_dict, or a safetensors file with the same names; nothing in it is executed. Weights and
average are both what the file holds (official files hold the average); the optimizer's moments are not in such files
and begin at zero. The puzzle table must have as many rows as the data has puzzles; with --mean-row one of another
size counts as its mean row, from which every puzzle then begins (the official loader does so unasked).`

export function registerImport(program: Command, context: CliContext): void {
  const command = program
    .command('import')
    .description('make a checkpoint of weights that the official PyTorch code saved')
    .argument('<FILE>', 'a file of torch.save (step_N) or of safetensors')
    .option('--step <N>', 'optimizer steps behind it (default: what its name or header says)', wholeNumber(0))
    .option('--mean-row', 'where the table has other puzzles than the data: begin every puzzle at its mean row')
    .option('--print-config', 'print the configuration as JSON and end')
    .addHelpText('after', EXAMPLES)
  addSettings(command).action(async (file: string, flags: { step?: number; meanRow?: true; printConfig?: true }) => {
    const { config } = configOf(command, context)
    if (flags.printConfig) return context.out.line(printConfig(config).trimEnd())
    const { root, signal, out, cwd } = context
    const { step, meanRow = false } = flags
    await importWeights({ config, file: resolve(cwd, file), step, meanRow, root, signal, out })
  })
}
