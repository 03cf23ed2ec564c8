// `trmesh export`: a checkpoint as a safetensors file that the official PyTorch code can load.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { isNamedSource } from '../../../shared/config/settings-data.js'
import type { CliContext } from '../context.js'
import { exportWeights } from '../entries.js'
import { wholeNumber } from '../options.js'

const EXAMPLES = `
Examples:
  npx trmesh export --checkpoint .trmesh/runs/tiny                 the newest checkpoint of a run
  npx trmesh export --checkpoint .trmesh/runs/arc1/step-00518071 --to arc1.safetensors
  npx trmesh export --checkpoint .trmesh/runs/tiny --raw           the weights themselves, not their average

The file holds the official names. In Python, with the official code:
  model.load_state_dict(safetensors.torch.load_file('arc1.safetensors'))`

interface ExportFlags {
  checkpoint: string
  raw?: true
  to?: string
  prefix: string
  data?: string
  puzzles?: number
}

export function registerExport(program: Command, context: CliContext): void {
  const { root, signal, out, cwd } = context
  program
    .command('export')
    .description('write the weights of a checkpoint as safetensors, with the names of the official code')
    .requiredOption('--checkpoint <FOLDER>', 'a checkpoint, or a run: then its newest')
    .option('--raw', 'the weights themselves instead of their average (EMA)')
    .option('--to <FILE>', 'file to write (default: RUN-step-N.safetensors in this folder)')
    .option('--prefix <TEXT>', 'put before every name; _orig_mod.model.inner. for a compiled model', 'model.inner.')
    .option('--data <NAME|FOLDER>', 'where its data lies now, if it was moved')
    .option('--puzzles <N>', 'rows of the puzzle table (default: the puzzles of its data)', wholeNumber(1))
    .addHelpText('after', EXAMPLES)
    .action(async ({ checkpoint, raw, to, prefix, data, puzzles }: ExportFlags) => {
      await exportWeights({
        checkpoint: resolve(cwd, checkpoint),
        raw: raw ?? false,
        to: to === undefined ? undefined : resolve(cwd, to),
        prefix,
        data: data === undefined || isNamedSource(data) ? data : resolve(cwd, data),
        puzzles,
        cwd,
        root,
        signal,
        out,
      })
    })
}
