// A key in the notation of NATS (nkeys: an Ed25519 pair, base32 of prefix, key, CRC-16), and the credentials file that holds its
// secret half for one role, or one worker's seat, alone.
import { generateKeyPairSync } from 'node:crypto'
import { seatLine } from '../../shared/bus/seat.js'

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

/**
 * As NATS' tools write credentials; what stands outside the blocks is for us. A server that lists keys looks at the key
 * alone, so no token is needed.
 * @param seat of a worker with a key of its own
 */
export const credentialsText = ({ publicKey, seed }: Nkey, seat?: string): string =>
  `-----BEGIN NATS USER JWT-----
none
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------

public key: ${publicKey}
${seat === undefined ? '' : `${seatLine(seat)}\n`}`

/** The public half that stands in a credentials file of ours. */
export const publicKeyIn = (credentials: string): string | undefined =>
  /^public key: (U[A-Z2-7]{55})$/m.exec(credentials)?.[1]
