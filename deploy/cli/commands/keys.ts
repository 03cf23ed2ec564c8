// `trmesh keys`: a key for each role, for a nats-server that lets nobody else in (deploy/nats/secure.conf).
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { writeKeys } from '../../nats/keys.js'
import type { CliContext } from '../context.js'

const EXAMPLES = `
Examples:
  npx trmesh keys keys                                         coordinator.creds, worker.creds, observer.creds, roles.env
  set -a; . keys/roles.env; set +a; nats-server -c deploy/nats/secure.conf
  npx trmesh worker --credentials keys/worker.creds --nats nats://HOST:4222`

export function registerKeys(program: Command, context: CliContext): void {
  program
    .command('keys')
    .description('make the keys by which a nats-server tells coordinator, workers and observers apart')
    .argument('<FOLDER>', 'where to write them')
    .addHelpText('after', EXAMPLES)
    .action((folder: string) => {
      for (const path of writeKeys(resolve(context.cwd, folder))) context.out.line(path)
    })
}
