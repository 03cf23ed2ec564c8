// TLS for a nats-server: an authority of our own and the certificate of one server, by the openssl program (Node makes
// keys, but no certificates). Elliptic keys (P-256). Clients are told the authority (--ca) and believe nobody else.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { ConfigError, SystemRefused } from '../../shared/errors.js'
import type { Certificate } from './permissions.js'

/** The authority outlives the servers; a server's certificate is as long-lived as clients commonly take (825 days). */
const AUTHORITY_DAYS = '3650'
const SERVER_DAYS = '825'
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256']
const FILES = ['ca.pem', 'ca.key', 'nats.pem', 'nats.key'] as const

/** @throws SystemRefused with what openssl said */
function openssl(args: readonly string[], cwd: string): void {
  const { status, stderr, error } = spawnSync('openssl', args, { cwd, encoding: 'utf8', timeout: 60_000 })
  if (status === 0) return
  const why = error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${status}`
  throw new SystemRefused(
    `openssl ${args[0]} failed: ${why}`,
    'install openssl 1.1.1 or newer (Debian: apt-get install openssl), or bring certificates of your own',
  )
}

/** @throws ConfigError */
function alternatives(names: readonly string[]): string {
  const bad = names.find((name) => isIP(name) === 0 && !/^[A-Za-z0-9*]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(name))
  if (bad !== undefined || names.length === 0)
    throw new ConfigError(`${bad ?? 'nothing'} is no name of a server`, 'give host names and addresses, with commas: --tls nats.example.org,10.0.0.1') // prettier-ignore
  return names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',')
}

/**
 * Writes ca.pem, ca.key (keep it away from the server), nats.pem and nats.key into a folder.
 * @param names of the server, as clients will call it
 * @returns the files
 * @throws ConfigError rather than replace what is in use
 */
export function writeCertificates(folder: string, names: readonly string[]): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const extensions = `subjectAltName=${alternatives(names)}\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n`
  const paths = FILES.map((name) => join(folder, name))
  const taken = paths.find((path) => existsSync(path))
  if (taken !== undefined)
    throw new ConfigError(
      `${taken} exists`,
      'name another folder, or remove the certificates there if nobody uses them',
    )
  const scratch = ['nats.csr', 'nats.ext', 'ca.srl'].map((name) => join(folder, name))
  const umask = process.umask(0o077)
  try {
    writeFileSync(join(folder, 'nats.ext'), extensions)
    openssl(
      [
        ...['req', '-x509', ...KEY, '-days', AUTHORITY_DAYS, '-subj', '/CN=trmesh authority'],
        ...['-addext', 'keyUsage=critical,keyCertSign', '-keyout', 'ca.key', '-out', 'ca.pem'],
      ],
      folder,
    )
    openssl(
      ['req', '-new', ...KEY, '-subj', '/CN=trmesh nats-server', '-keyout', 'nats.key', '-out', 'nats.csr'],
      folder,
    )
    openssl(
      [
        ...['x509', '-req', '-in', 'nats.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
        ...['-sha256', '-days', SERVER_DAYS, '-extfile', 'nats.ext', '-out', 'nats.pem'],
      ],
      folder,
    )
  } catch (error) {
    for (const path of paths) rmSync(path, { force: true })
    throw error
  } finally {
    process.umask(umask)
    for (const path of scratch) rmSync(path, { force: true })
  }
  for (const path of paths) chmodSync(path, path.endsWith('.key') ? 0o600 : 0o644)
  return paths
}

/** The server's certificate in a folder, if one was made there. */
export function certificateIn(folder: string): Certificate | undefined {
  const [cert, key] = [join(folder, 'nats.pem'), join(folder, 'nats.key')]
  return existsSync(cert) && existsSync(key) ? { cert, key } : undefined
}
