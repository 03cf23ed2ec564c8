// `trmesh bundle`: a model and all that it takes to answer with it, in one folder.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { CliContext } from '../context.js'
import { packBundle, savedRun } from '../entries.js'

const EXAMPLES = `
Examples:
  npx trmesh bundle --checkpoint .trmesh/runs/arc1 --out bundle
  node bundle/run.mjs --challenges challenges.json --minutes 600     on the other machine: Node 20, no network

The model is in it without its puzzle table: tasks that it learned under an identifier of their own are new tasks there.`

interface BundleFlags {
  checkpoint: string
  out: string
  natsServer?: string
}

export function registerBundle(program: Command, context: CliContext): void {
  const { root, cwd, env, version, out } = context
  program
    .command('bundle')
    .description('pack a model, the code and a nats-server: answers ARC tasks anywhere, without a network')
    .requiredOption('--checkpoint <DIR>', 'a checkpoint, or a run, which means its newest')
    .requiredOption('--out <FOLDER>', 'folder to make')
    .option('--nats-server <FILE>', 'the program for the other machine (default: that of this machine)')
    .addHelpText('after', EXAMPLES)
    .action(async ({ checkpoint, out: to, natsServer }: BundleFlags) => {
      const saved = await savedRun(resolve(cwd, checkpoint))
      await packBundle({
        checkpoint: saved.dir,
        to: resolve(cwd, to),
        natsServer: natsServer === undefined ? undefined : resolve(cwd, natsServer),
        searchPath: env['PATH'] ?? '',
        ...{ root, version, out },
      })
    })
}
