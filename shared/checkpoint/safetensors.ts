// The safetensors file: 8 bytes length (little-endian), a JSON header of that length, then the bytes of the tensors without
// gaps. Only the header is handled here; bodies are written and read by range, so a file may be larger than memory. Every
// size is checked before anything is allocated by it. [huggingface/safetensors, README "Format"]
//
//   0 u64 N   8 {"__metadata__": {..}, "name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..}   8+N data
import { CheckpointRefused } from '../errors.js'

/** Our own files hold the first four; files of other programs the others too. */
export const DTYPE_BYTES = { F32: 4, I32: 4, BF16: 2, U8: 1, F16: 2, F64: 8, I64: 8, I16: 2, I8: 1, BOOL: 1 } as const
export type Dtype = keyof typeof DTYPE_BYTES

export interface TensorSpec {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
}

/** A tensor and where its bytes lie, counted from the start of the data. */
export interface TensorPlace extends TensorSpec {
  readonly begin: number
  readonly end: number
}

export interface TensorFile {
  /** In the order of their bytes, without gaps. */
  readonly tensors: readonly TensorPlace[]
  readonly metadata: Readonly<Record<string, string>>
  /** Byte of the file at which the data begins. */
  readonly dataStart: number
  /** Size of the whole file. */
  readonly bytes: number
}

/** What the format allows at most. */
export const MAX_HEADER_BYTES = 100_000_000
const LENGTH_BYTES = 8
const REMEDY = 'the file is damaged or not a safetensors file: choose another checkpoint'

const isDtype = (value: unknown): value is Dtype => typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value)
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Bytes of a tensor; not a safe integer where the shape is absurd. */
export const tensorBytes = ({ dtype, shape }: Pick<TensorSpec, 'dtype' | 'shape'>): number =>
  shape.reduce((product, length) => product * length, DTYPE_BYTES[dtype])

/** Lays tensors out one after the other. @returns the plan, and the first `dataStart` bytes of the file */
export function planFile(
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>> = {},
): { file: TensorFile; header: Uint8Array } {
  let offset = 0
  const names = new Set<string>()
  const tensors = specs.map(({ name, dtype, shape }): TensorPlace => {
    const begin = offset
    offset += tensorBytes({ dtype, shape })
    if (names.has(name) || name === '__metadata__') throw new RangeError(`tensor name '${name}' is taken`)
    if (!shape.every(isCount) || !isCount(offset)) throw new RangeError(`tensor '${name}' has shape ${shape.join('x')}`)
    names.add(name)
    return { name, dtype, shape, begin, end: offset }
  })
  const entries = tensors.map(({ name, dtype, shape, begin, end }): [string, unknown] => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ])
  const text = JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries]))
  const json = new TextEncoder().encode(text)
  // Padded with spaces, so that the data begins at a multiple of eight.
  const dataStart = LENGTH_BYTES + Math.ceil(json.length / 8) * 8
  if (dataStart - LENGTH_BYTES > MAX_HEADER_BYTES) throw new RangeError(`a header of ${json.length} bytes`)
  const header = new Uint8Array(dataStart).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(dataStart - LENGTH_BYTES), true)
  header.set(json, LENGTH_BYTES)
  return { file: { tensors, metadata, dataStart, bytes: dataStart + offset }, header }
}

/**
 * Length of the JSON header, from the first eight bytes of a file.
 * @param file its name, for messages
 * @throws CheckpointRefused when the file cannot hold such a header
 */
export function headerLength(first: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < LENGTH_BYTES || first.length < LENGTH_BYTES) {
    throw new CheckpointRefused(`${file} has ${fileBytes} bytes, too few for a header`, REMEDY)
  }
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER_BYTES) || Number(length) > fileBytes - LENGTH_BYTES) {
    throw new CheckpointRefused(`${file} announces a header of ${length} bytes in a file of ${fileBytes}`, REMEDY)
  }
  return Number(length)
}

/**
 * @param json the header without its length
 * @param file its name, for messages
 * @throws CheckpointRefused naming the tensor and what is wrong with it
 */
export function parseHeader(json: Uint8Array, fileBytes: number, file: string): TensorFile {
  const refuse = (why: string): never => {
    throw new CheckpointRefused(`${file}: ${why}`, REMEDY)
  }
  const header = parseJson(json, refuse)
  const dataStart = LENGTH_BYTES + json.length
  const tensors: TensorPlace[] = []
  let metadata: Record<string, string> = {}
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(entry, refuse)
    else tensors.push(parseTensor(name, entry, refuse))
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let offset = 0
  for (const { name, begin, end } of tensors) {
    if (begin !== offset) refuse(`tensor '${name}' begins at byte ${begin} where ${offset} was due`)
    offset = end
  }
  if (dataStart + offset !== fileBytes) {
    refuse(`the tensors need ${dataStart + offset} bytes, the file has ${fileBytes}`)
  }
  return { tensors, metadata, dataStart, bytes: fileBytes }
}

type Refuse = (why: string) => never

function parseJson(json: Uint8Array, refuse: Refuse): Record<string, unknown> {
  let header: unknown
  let text = ''
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json)
    header = JSON.parse(text)
  } catch (error) {
    refuse(`the header is no JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  if (!isRecord(header)) return refuse('the header is no JSON object')
  const twice = repeatedKey(text)
  if (twice !== undefined) refuse(`the header has ${twice} twice`)
  return header
}

function parseMetadata(entry: unknown, refuse: Refuse): Record<string, string> {
  if (!isRecord(entry)) return refuse('__metadata__ is no JSON object')
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) =>
      typeof value === 'string' ? [key, value] : refuse(`__metadata__.${key} is no text`),
    ),
  )
}

function parseTensor(name: string, entry: unknown, refuse: Refuse): TensorPlace {
  if (!isRecord(entry)) return refuse(`tensor '${name}' is no JSON object`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (!isDtype(dtype)) {
    return refuse(
      `tensor '${name}' has dtype ${typeof dtype === 'string' ? JSON.stringify(dtype.slice(0, 80)) : typeof dtype}; we read ${Object.keys(DTYPE_BYTES).join(', ')}`,
    )
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) return refuse(`tensor '${name}' has no valid shape`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return refuse(`tensor '${name}' has no valid data_offsets`)
  }
  const [begin, end] = offsets as [number, number]
  const bytes = tensorBytes({ dtype, shape })
  if (end - begin !== bytes) {
    refuse(
      `tensor '${name}' of ${dtype} ${JSON.stringify(shape)} needs ${bytes} bytes, its offsets span ${end - begin}`,
    )
  }
  return { name, dtype, shape, begin, end }
}

/**
 * The first key that stands twice in one object of valid JSON: a parser would silently keep the last. A loop, because a
 * pattern for a text of many megabytes exhausts the stack.
 */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = []
  let last = ''
  for (let i = 0; i < json.length; i++) {
    const char = json[i]
    if (char === '{') open.push(new Set())
    else if (char === '}') open.pop()
    else if (char === '"') {
      const from = i++
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
      last = json.slice(from, i + 1)
    } else if (char === ':') {
      const name = JSON.stringify(JSON.parse(last))
      const keys = open.at(-1)!
      if (keys.has(name)) return name
      keys.add(name)
    }
  }
  return undefined
}
