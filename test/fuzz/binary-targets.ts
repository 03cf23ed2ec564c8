// The readers of bytes: messages of the bus, zip directories, pickles, and whole files of weights on disk.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openWeights } from '../../coordinator/import/open-weights.js'
import { readStateDict } from '../../coordinator/import/state-dict.js'
import { CheckpointRefused, RunError, WireError } from '../../shared/errors.js'
import { decode, encode } from '../../shared/protocol/codec.js'
import { crc32 } from '../../shared/protocol/crc32.js'
import type { Channel, MessageOf } from '../../shared/protocol/messages.js'
import type { Rng } from '../../shared/rng/counter.js'
import { dataStart, findDirectory, LOCAL_HEADER_BYTES, parseDirectory, ZIP_TAIL_BYTES } from '../../shared/zip.js'
import { MESSAGES } from '../helpers/messages.js'
import { zipArchive } from '../native/zip-archive.js'
import { JSON_TARGETS } from './json-targets.js'
import { below, bytesOfText, chance, distorted, joined, mutated, pick } from './mutate.js'
import { Raw, written } from './msgpack.js'
import type { Target } from './target.js'

const CHANNELS = Object.keys(MESSAGES) as Channel[]
const FRAMES = CHANNELS.map((channel) =>
  MESSAGES[channel].map((message) =>
    Uint8Array.from(encode(channel, message as unknown as MessageOf<Channel>).subarray(4)),
  ),
)

/** What msgpack can say and no message of ours does: extensions, absurd lengths, and what cuts off. */
const WIRE_TOKENS = [
  ...[[0x91], [0x81, 0xa1, 0x61], [0xc0], [0xc1], [0xc3], [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], [0xdc, 0xff, 0xff]],
  ...[
    [0xdd, 0x01, 0xff, 0xff, 0xff],
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdf, 0xff, 0xff, 0xff, 0xff],
    [0xc6, 0x7f],
  ],
  ...[
    [0xd9, 0xff],
    [0xdb, 0x7f, 0xff, 0xff, 0xff],
    [0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ],
  ...[0x42, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff, 0].flatMap((type) => [
    [0xd4, type, 0x01],
    [0xd6, type, 0, 0, 0, 1],
    [0xc7, 9, type, 0, 1, 2, 3, 4, 5, 6, 7, 8],
  ]),
].map((bytes) => Uint8Array.from(bytes))

const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  NaN,
  2 ** 53,
  2 ** 63,
  '',
  'x'.repeat(300),
  [],
  {},
  new Uint8Array(3),
]

function oddWire(rng: Rng): unknown {
  if (chance(rng, 0.5)) return new Raw(pick(rng, WIRE_TOKENS))
  if (chance(rng, 0.02)) return new Raw(new Uint8Array(below(rng, 100_000)).fill(0x91))
  return pick(rng, ODD)
}

function frame(rng: Rng): Uint8Array {
  const channel = below(rng, CHANNELS.length)
  const body = chance(rng, 0.5)
    ? mutated(rng, FRAMES[channel] as Uint8Array[], WIRE_TOKENS)
    : written(distorted(rng, pick(rng, MESSAGES[CHANNELS[channel] as Channel]), oddWire))
  // In front: on which channel it arrives, mostly its own, and a checksum, mostly right.
  const crc = new Uint8Array(4)
  new DataView(crc.buffer).setUint32(0, chance(rng, 0.97) ? crc32(body) : 7, true)
  return joined(Uint8Array.of(chance(rng, 0.9) ? channel : below(rng, CHANNELS.length)), crc, body)
}

function readFrame(input: Uint8Array): boolean {
  const channel = CHANNELS[(input[0] ?? 0) % CHANNELS.length] as Channel
  try {
    const message = decode(channel, input.subarray(1))
    decode(channel, encode(channel, message))
    return true
  } catch (error) {
    // The bus drops and counts this class alone; any other ends the process.
    if (error instanceof WireError) return false
    throw error
  }
}

const golden = (name: string): Uint8Array => readFileSync(resolve('test/golden/pt', name))
const PT = ['kinds.pt', 'plain.pt', 'step_7', 'refused-code.pt', 'refused-sparse.pt', 'refused-module.pt'].map(golden)
const ZIPS = [...PT, zipArchive([{ name: 'a/b', data: Buffer.from('abc'), stored: true }, { name: 'c', data: Buffer.alloc(99) }])] // prettier-ignore
const ZIP_TOKENS = ['PK\x03\x04', 'PK\x01\x02', 'PK\x05\x06', 'PK\x06\x06', 'PK\x06\x07', '\x01\x00\x1c\x00'].map(
  bytesOfText,
)

const refuse = (why: string): never => {
  throw new CheckpointRefused(why, 'x')
}

function readZip(bytes: Uint8Array): { name: string; data: Uint8Array }[] {
  const directory = findDirectory(bytes.subarray(Math.max(0, bytes.length - ZIP_TAIL_BYTES)), bytes.length, refuse)
  const part = bytes.subarray(directory.offset, directory.offset + directory.length)
  return parseDirectory(part, directory, refuse).map((entry) => {
    const local = bytes.subarray(entry.offset, entry.offset + LOCAL_HEADER_BYTES)
    const start = dataStart(local, entry, bytes.length, refuse)
    return { name: entry.name, data: bytes.subarray(start, start + entry.packedSize) }
  })
}

const PICKLES = PT.flatMap((bytes) => readZip(bytes).filter(({ name }) => name.endsWith('/data.pkl'))).map(({ data }) => data) // prettier-ignore
const PICKLE_TOKENS = [
  ...['(', ')', '.', 'G', 'J', 'K', 'N', 'Q', 'R', 'X', ']', 'a', 'b', 'c', 'e', 'h', 'j', 'q', 's', 't', 'u', '}'],
  ...[
    '\x85',
    '\x86',
    '\x87',
    '\x88',
    '\x8a\x08',
    'cos\nsystem\n',
    'ccollections\nOrderedDict\n',
    'h\x01h\x01',
    'cbuiltins\neval\n',
  ],
].map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0)))

const refused = async (read: () => unknown): Promise<boolean> => {
  try {
    await read()
    return true
  } catch (error) {
    if (error instanceof RunError) return false
    throw error
  }
}
const attempt = (read: () => unknown): boolean => {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof RunError) return false
    throw error
  }
}

const scratch = join(mkdtempSync(join(tmpdir(), 'trmesh-fuzz-')), 'weights')

/** A file of torch.save whose checksums are right and whose pickle is not, one that is damaged anywhere, or safetensors. */
function weights(rng: Rng): Uint8Array {
  if (chance(rng, 0.2)) return (JSON_TARGETS.find(({ name }) => name === 'safetensors') as Target).input(rng)
  if (chance(rng, 0.3)) return mutated(rng, PT, ZIP_TOKENS)
  const members = readZip(pick(rng, PT)).map(({ name, data }) => ({ name, data: Buffer.from(data), stored: true }))
  const [victim] = members.filter(({ name }) => name.endsWith('/data.pkl'))
  if (victim !== undefined) victim.data = Buffer.from(mutated(rng, [victim.data], PICKLE_TOKENS))
  if (chance(rng, 0.1)) members.splice(below(rng, members.length), 1)
  return zipArchive(members)
}

async function readWeights(input: Uint8Array): Promise<boolean> {
  writeFileSync(scratch, input)
  return refused(async () => {
    const file = await openWeights(scratch)
    try {
      for (const tensor of file.tensors.slice(0, 20)) {
        const elements = tensor.shape.reduce((product, length) => product * length, 1)
        await tensor.read(0, new Float32Array(Math.min(elements, 64)))
      }
    } finally {
      await file.close()
    }
  })
}

export const BINARY_TARGETS: readonly Target[] = [
  { name: 'wire', weight: 50, input: frame, read: readFrame },
  {
    name: 'zip',
    weight: 12,
    input: (rng) => mutated(rng, ZIPS, ZIP_TOKENS),
    read: (input) => attempt(() => readZip(input)),
  },
  {
    name: 'pickle',
    weight: 15,
    input: (rng) => mutated(rng, PICKLES, PICKLE_TOKENS),
    read: (input) => attempt(() => readStateDict(input, refuse)),
  },
  { name: 'weights', weight: 0.7, input: weights, read: readWeights },
]
