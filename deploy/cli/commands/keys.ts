// `trmesh keys`: a key for each role, or for each worker, and the configuration of a nats-server that lets nobody else in; with
// --tls the certificates by which nobody can listen either.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { certificateIn, writeCertificates } from '../../nats/certificates.js'
import { orderKeys } from '../../nats/key-folder.js'
import type { CliContext } from '../context.js'

const EXAMPLES = `
Examples:
  npx trmesh keys keys                                         coordinator.creds, worker.creds, observer.creds, nats-server.conf
  nats-server -c keys/nats-server.conf
  npx trmesh worker --credentials keys/worker.creds --nats nats://HOST:4222

  npx trmesh keys keys --workers gpu-1,gpu-2                   a key for each of them instead: none can speak as another
  npx trmesh keys keys --workers gpu-3                         one more; then nats-server --signal reload, and nothing stops
  npx trmesh keys keys --revoke gpu-1                          one less, likewise

  npx trmesh keys keys --tls HOST,10.0.0.1                     the same (or beside keys that are there), and ca.pem, nats.pem, nats.key
  npx trmesh worker --credentials keys/worker.creds --ca keys/ca.pem --nats tls://HOST:4222`

const names = (text: string): string[] => text.split(',')

export function registerKeys(program: Command, context: CliContext): void {
  program
    .command('keys')
    .description('make the keys by which a nats-server tells coordinator, workers and observers apart')
    .argument('<FOLDER>', 'where they lie')
    .option(
      '--workers <NAMES>',
      'a key for each of these workers (with commas), instead of one that all share',
      names,
      [],
    )
    .option('--revoke <NAMES>', 'take the keys of these workers or roles back', names, [])
    .option('--tls <NAMES>', 'certificates too, for a server of these host names and addresses (with commas)', names)
    .addHelpText('after', EXAMPLES)
    .action((folder: string, { workers, revoke, tls }: { workers: string[]; revoke: string[]; tls?: string[] }) => {
      const to = resolve(context.cwd, folder)
      const certificates = tls === undefined ? [] : writeCertificates(to, tls)
      const certificate = certificateIn(to)
      const base = join(context.root, 'deploy', 'nats', 'server.conf')
      const written = orderKeys(to, {
        workers,
        revoke,
        base,
        ...(certificate === undefined ? {} : { tls: certificate }),
      })
      for (const path of [...certificates, ...written]) context.out.line(path)
      if (workers.length > 0 && existsSync(join(to, 'worker.creds')))
        context.out.line('worker.creds still speaks as any worker: --revoke worker, once nobody uses it')
    })
}
