// A folder of keys: credentials of the coordinator, of observers and of workers (one key that they share, or one each), and
// nats-server.conf, which lets in those and nobody else. Keys come and go; the configuration always follows the files.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError } from '../../shared/errors.js'
import { isName } from '../../shared/ids.js'
import { seatIn } from '../../shared/bus/seat.js'
import { createUserKey, credentialsText, publicKeyIn } from './keys.js'
import {
  COORDINATOR,
  OBSERVER,
  RESERVED,
  serverConfiguration,
  workerAt,
  type Certificate,
  type User,
} from './permissions.js'

const SUFFIX = '.creds'
/** A worker's id is its seat and a few letters more, and fits a name. */
const LONGEST_SEAT = 40

export interface KeyOrder {
  /** Workers that get a key each. */
  readonly workers: readonly string[]
  /** Roles and workers whose key is taken back. */
  readonly revoke: readonly string[]
  /** Certificate of the server; undefined: it speaks in the clear. */
  readonly tls?: Certificate
  /** The file that the server's configuration begins with: deploy/nats/server.conf. */
  readonly base: string
}

/**
 * Makes the keys that are missing, removes those taken back, and writes nats-server.conf for those that are there. A key that
 * is there stays as it is.
 * @returns the files written
 * @throws ConfigError if a name is none, or a file of the folder is no key of ours
 */
export function orderKeys(folder: string, { workers, revoke, tls, base }: KeyOrder): string[] {
  for (const name of [...workers, ...revoke]) checkName(name)
  const reserved = workers.find((name) => RESERVED.includes(name))
  if (reserved !== undefined)
    throw new ConfigError(`${reserved} is the name of a role, not of a worker`, 'name the worker otherwise, as gpu-1')
  const path = (name: string): string => join(folder, name + SUFFIX)
  const unknown = revoke.find((name) => !existsSync(path(name)))
  if (unknown !== undefined)
    throw new ConfigError(
      `${path(unknown)} is not there`,
      `revoke one of ${namesIn(folder).join(', ') || 'those there'}`,
    )
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const name of revoke) rmSync(path(name))
  const seats = namesIn(folder).filter((name) => !RESERVED.includes(name))
  const shared = seats.length === 0 && workers.length === 0 && !revoke.includes('worker') ? ['worker'] : []
  const wanted = ['coordinator', ...shared, ...workers, 'observer'].filter((name) => !existsSync(path(name)))
  for (const name of wanted)
    write(path(name), credentialsText(createUserKey(), RESERVED.includes(name) ? undefined : name), 0o600)
  const users = namesIn(folder).map((name) => userOf(name, path(name)))
  const configuration = join(folder, 'nats-server.conf')
  write(configuration, serverConfiguration(flattened(base), users, tls), 0o644)
  return [...wanted.map(path), configuration]
}

/** Of the keys in a folder, in order. */
export const namesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file.endsWith(SUFFIX))
        .map((file) => file.slice(0, -SUFFIX.length))
        .sort()
    : []

function checkName(name: string): void {
  if (isName(name) && name.length <= LONGEST_SEAT) return
  throw new ConfigError(
    `'${name}' is no name of a worker`,
    `take 1 to ${LONGEST_SEAT} letters, digits, - or _, and commas between names: --workers gpu-1,gpu-2`,
  )
}

/** @throws ConfigError */
function userOf(name: string, path: string): User {
  const text = readFileSync(path, 'utf8')
  const publicKey = publicKeyIn(text)
  if (publicKey === undefined || (!RESERVED.includes(name) && seatIn(text) !== name))
    throw new ConfigError(`${path} is no key of this folder`, 'move it elsewhere, or take it back with --revoke')
  const permissions =
    name === 'coordinator' ? COORDINATOR : name === 'observer' ? OBSERVER : workerAt(name === 'worker' ? '*' : name)
  return { name, publicKey, permissions }
}

/** A configuration with what it includes in its place. */
const flattened = (file: string): string =>
  readFileSync(file, 'utf8').replace(/^include (\S+)$/gm, (_, name: string) => flattened(join(dirname(file), name)))

function write(path: string, text: string, mode: number): void {
  writeFileSync(path, text, { mode })
  chmodSync(path, mode)
}
