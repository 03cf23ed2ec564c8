// Keys for the roles of deploy/nats/roles.conf: Ed25519 pairs in the notation of NATS (nkeys: base32 of prefix, key, CRC-16).
// The server gets the public halves; the secret ones lie in credentials files, each for its role alone.
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../../shared/errors.js'

export const ROLES = ['coordinator', 'worker', 'observer'] as const

/** First byte of a public user key, and the two that a user's seed begins with. */
const USER = 20 << 3
const SEED_OF_USER = [(18 << 3) | (USER >> 5), (USER & 31) << 3] as const
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** Length of a raw Ed25519 key, which ends both of Node's encodings (RFC 8410). */
const KEY_BYTES = 32

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff
  }
  return crc
}

/** RFC 4648 without padding. */
function base32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31]
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31]
}

function encoded(prefix: readonly number[], key: Uint8Array): string {
  const body = Uint8Array.of(...prefix, ...key)
  const crc = crc16(body)
  return base32(Uint8Array.of(...body, crc & 255, crc >> 8))
}

export interface Nkey {
  /** `U...` */
  readonly publicKey: string
  /** `SU...`: secret. */
  readonly seed: string
}

export function createUserKey(): Nkey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKey: encoded([USER], publicKey.export({ type: 'spki', format: 'der' }).subarray(-KEY_BYTES)),
    seed: encoded(SEED_OF_USER, privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-KEY_BYTES)),
  }
}

/** As NATS' tools write credentials. A server that lists keys looks at the key alone, so no token is needed. */
const credentials = (seed: string): string =>
  `-----BEGIN NATS USER JWT-----
none
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------
`

/**
 * Writes ROLE.creds for each role and roles.env for the server into a folder.
 * @returns the files
 * @throws ConfigError rather than replace a key that is in use
 */
export function writeKeys(folder: string): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const taken = ROLES.map((role) => join(folder, `${role}.creds`)).find((path) => existsSync(path))
  if (taken !== undefined)
    throw new ConfigError(`${taken} exists`, 'name another folder, or remove the keys there if nobody uses them')
  const keys = ROLES.map((role) => ({ role, ...createUserKey() }))
  const write = (name: string, text: string, mode: number): string => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode })
    chmodSync(path, mode)
    return path
  }
  return [
    ...keys.map(({ role, seed }) => write(`${role}.creds`, credentials(seed), 0o600)),
    write(
      'roles.env',
      keys.map(({ role, publicKey }) => `NATS_${role.toUpperCase()}_NKEY=${publicKey}\n`).join(''),
      0o644,
    ),
  ]
}
