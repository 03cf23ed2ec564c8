// `trmesh check-submission`: is an answer sheet what ARC Prize asks for, and what would it score?
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { CliContext } from '../context.js'
import { checkSubmissionFile, savedRun } from '../entries.js'
import { addSettings, configOf } from '../settings.js'

const EXAMPLES = `
Examples:
  npx trmesh check-submission submission.json --data arc-agi-1
  npx trmesh check-submission submission.json --data ../kaggle
  npx trmesh check-submission submission.json --checkpoint .trmesh/runs/tiny     the tasks of that run`

export function registerCheckSubmission(program: Command, context: CliContext): void {
  const command = program
    .command('check-submission')
    .description('name every fault of an ARC Prize answer sheet, and score it where answers are known')
    .argument('<FILE>', 'the sheet: {"task": [{"attempt_1": grid, "attempt_2": grid}, ...], ...}')
    .option('--checkpoint <DIR>', 'take the data settings of this checkpoint or run')
    .addHelpText('after', EXAMPLES)
  addSettings(command, ({ section }) => section === 'preset' || section === 'data').action(
    async (file: string, { checkpoint }: { checkpoint?: string }) => {
      const { cwd, root, out } = context
      const saved = checkpoint === undefined ? undefined : await savedRun(resolve(cwd, checkpoint))
      const { config } = configOf(command, context, 'tiny', saved && { path: saved.dir, text: saved.configText })
      await checkSubmissionFile({ file: resolve(cwd, file), data: config.data, root, out })
    },
  )
}
