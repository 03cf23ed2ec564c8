// `trmesh data`: fetches the official task files, and proves that the pool built from them is the official one.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { DownloadOptions } from '../../../shared/ports.js'
import type { CliContext } from '../context.js'
import { downloadData, verifyData } from '../entries.js'

const EXAMPLES = `
Examples:
  npx trmesh data arc-agi-1              then: npx trmesh start --preset arc1
  npx trmesh data arc-agi-2 --to tasks   into a folder of your choice; use it with --data
  npx trmesh data verify                 rebuild the official pools, compare every count and SHA-256`

const SETS: readonly (readonly [DownloadOptions['name'], string])[] = [
  ['arc-agi-1', 'download ARC-AGI-1 at a pinned commit and check its SHA-256'],
  ['arc-agi-2', 'download ARC-AGI-2 at a pinned commit and check its SHA-256'],
  ['concept-arc', 'download ConceptARC at a pinned commit and check its SHA-256'],
  ['sudoku-extreme', 'download Sudoku-Extreme (0.8 GB) and check it against the SHA-256 that its host states'],
  ['maze-hard', 'download Maze-Hard and check it against the SHA-256 that its host states'],
]
/** No revision of these is published; the one that is met is noted. */
const REVISED: readonly DownloadOptions['name'][] = ['sudoku-extreme', 'maze-hard']

export function registerData(program: Command, context: CliContext): void {
  const { root, signal, out, cwd } = context
  const data = program
    .command('data')
    .description('download the official data sets, verify the pool')
    .addHelpText('after', EXAMPLES)
  for (const [name, description] of SETS) {
    const command = data
      .command(name)
      .description(description)
      .option('--to <FOLDER>', 'where to put it (default: where --data finds it by name)')
      .action(async ({ to, revision }: { to?: string; revision?: string }) => {
        await downloadData({ name, revision, to: to === undefined ? undefined : resolve(cwd, to), root, signal, out })
      })
    if (REVISED.includes(name)) command.option('--revision <COMMIT>', 'commit of the data set (default: the newest)')
  }
  data
    .command('verify')
    .description('build the ARC-1 and ARC-2 pools and compare them with the official ones, without writing them')
    .option('--from <FOLDER>', 'folder of the official files (default: what `trmesh data` downloaded)')
    .action(async ({ from }: { from?: string }) => {
      await verifyData({ from: from === undefined ? undefined : resolve(cwd, from), root, signal, out })
    })
}
