// Messages to bytes and back: a CRC-32 of the rest (u32, little-endian), then msgpack, one envelope a message, every field
// checked on arrival. The only file that knows msgpackr. Byte fields come back as views of the received buffer: copy what you
// keep. The checksum, because a bit that flips in a count or in puzzle rows would else be taken for what was meant.
import { Packr, RESERVE_START_SPACE, Unpackr } from 'msgpackr'
import { bytesOf } from '../bytes.js'
import { WireError } from '../errors.js'
import { outOfBounds } from './bounds.js'
import { crc32 } from './crc32.js'
import { CHANNELS, type Channel, type MessageOf } from './messages.js'
import type { Shape } from './shape.js'

// No records and no shared structures: those are stateful, and a lost message would garble all later ones.
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true })
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' })

const CRC_BYTES = 4

/** Bytes that an envelope may add to its payload, at most: bounds buckets and chunks against the server's max_payload. */
export const ENVELOPE_BYTES = 1024

/** The result is a view of a slab that later calls do not overwrite. */
export function encode<C extends Channel>(_channel: C, message: MessageOf<C>): Uint8Array {
  const bytes = packr.pack(message, RESERVE_START_SPACE | CRC_BYTES)
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, crc32(bytes.subarray(CRC_BYTES)), true)
  return bytes
}

/** @throws WireError if the bytes are not one message of this channel. */
export function decode<C extends Channel>(channel: C, data: Uint8Array): MessageOf<C> {
  const value = unpacked(channel, data)
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  const table: Readonly<Record<string, Shape<unknown>>> = CHANNELS[channel]
  const shape = typeof type === 'string' && Object.hasOwn(table, type) ? table[type] : undefined
  if (shape === undefined)
    throw new WireError(
      `${channel}: unknown message ${typeof type === 'string' ? JSON.stringify(type.slice(0, 80)) : `of type ${typeof type}`}`,
      'run one version of trmesh',
    )
  return { type, ...(shape(value, String(type)) as object) } as MessageOf<C>
}

function unpacked(channel: Channel, bytes: Uint8Array): unknown {
  const data = bytes.subarray(CRC_BYTES)
  const refuse = (why: string, cause?: unknown): never => {
    const message = `${channel}: not a message (${data.byteLength} bytes): ${why}`
    throw new WireError(message, 'something else publishes on our subjects', { cause })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length <= CRC_BYTES || view.getUint32(0, true) !== crc32(data)) return refuse('its checksum is wrong')
  const why = outOfBounds(data)
  if (why !== undefined) return refuse(why)
  try {
    return unpackr.unpack(data)
  } catch (cause) {
    return refuse('not msgpack', cause)
  }
}

/** Floats of a byte field: a copy, because a received field lies at any offset. @throws WireError on a length that is not a multiple of 4. */
export function floatsOf(data: Uint8Array): Float32Array {
  if (data.byteLength % 4 !== 0) throw new WireError(`${data.byteLength} bytes are no f32 numbers`, 'run one version')
  const floats = new Float32Array(data.byteLength / 4)
  bytesOf(floats).set(data)
  return floats
}
