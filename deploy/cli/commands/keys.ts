// `trmesh keys`: a key for each role, for a nats-server that lets nobody else in (deploy/nats/secure.conf), and with --tls
// the certificates by which nobody can listen either (deploy/nats/tls.conf).
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { writeCertificates } from '../../nats/certificates.js'
import { ROLES, writeKeys } from '../../nats/keys.js'
import type { CliContext } from '../context.js'

const EXAMPLES = `
Examples:
  npx trmesh keys keys                                         coordinator.creds, worker.creds, observer.creds, roles.env
  set -a; . keys/roles.env; set +a; nats-server -c deploy/nats/secure.conf
  npx trmesh worker --credentials keys/worker.creds --nats nats://HOST:4222

  npx trmesh keys keys --tls HOST,10.0.0.1                     the same (or beside keys that are there), and ca.pem, nats.pem, nats.key, tls.env
  set -a; . keys/roles.env; . keys/tls.env; set +a; nats-server -c deploy/nats/tls.conf
  npx trmesh worker --credentials keys/worker.creds --ca keys/ca.pem --nats tls://HOST:4222`

export function registerKeys(program: Command, context: CliContext): void {
  program
    .command('keys')
    .description('make the keys by which a nats-server tells coordinator, workers and observers apart')
    .argument('<FOLDER>', 'where to write them')
    .option('--tls <NAMES>', 'certificates too, for a server of these host names and addresses (with commas)')
    .addHelpText('after', EXAMPLES)
    .action((folder: string, { tls }: { tls?: string }) => {
      const to = resolve(context.cwd, folder)
      // Certificates may be added to keys that are in use.
      const have = tls !== undefined && ROLES.every((role) => existsSync(join(to, `${role}.creds`)))
      const written = [
        ...(have ? [] : writeKeys(to)),
        ...(tls === undefined ? [] : writeCertificates(to, tls.split(','))),
      ]
      for (const path of written) context.out.line(path)
    })
}
