// A file of torch.save: a zip archive that stores NAME/data.pkl (what there is) and NAME/data/KEY (the bytes of each
// storage, never compressed). Nothing in it is executed. Storages are read by range, after one pass over their CRC-32.
import { CheckpointRefused } from '../../shared/errors.js'
import { crc32 } from '../../shared/protocol/crc32.js'
import {
  dataStart,
  findDirectory,
  LOCAL_HEADER_BYTES,
  parseDirectory,
  STORED,
  ZIP_TAIL_BYTES,
} from '../../shared/zip.js'
import type { ZipEntry } from '../../shared/zip.js'
import { decodeFloats, ELEMENT_BYTES, isFloatType } from './numbers.js'
import { shown } from './shown.js'
import { readStateDict, type TorchStorage, type TorchView } from './state-dict.js'
import type { RangeReader, StoredTensor, WeightFile } from './weight-file.js'

/** Far above what the names of any network take. */
const MAX_PICKLE_BYTES = 16 << 20
const MAX_DIRECTORY_BYTES = 64 << 20
/** A view with gaps or turned axes is read as a whole, up to this size. */
const MAX_SCATTERED_BYTES = 256 << 20
const CRC_BYTES = 4 << 20

const RESAVE =
  "save a plain state_dict in Python: torch.save({k: v.contiguous() for k, v in model.state_dict().items()}, 'step_N')"

/** @throws CheckpointRefused saying what in the file cannot be read */
export async function readTorchFile(file: RangeReader): Promise<WeightFile> {
  const archive = await TorchArchive.open(file)
  const tensors = await archive.tensors()
  return { path: file.path, format: 'PyTorch', step: undefined, tensors, close: () => file.close() }
}

class TorchArchive {
  private readonly checked = new Map<string, Promise<number>>()

  private constructor(
    private readonly file: RangeReader,
    private readonly entries: ReadonlyMap<string, ZipEntry>,
    /** Folder that all records lie in, with its slash. */
    private readonly folder: string,
  ) {}

  static async open(file: RangeReader): Promise<TorchArchive> {
    const damaged = (why: string): never => {
      throw new CheckpointRefused(`${file.path} is damaged: ${why}`, 'copy it again from where it was written')
    }
    const tail = await file.read(Math.max(0, file.bytes - ZIP_TAIL_BYTES), Math.min(file.bytes, ZIP_TAIL_BYTES))
    const directory = findDirectory(tail, file.bytes, damaged)
    if (directory.length > MAX_DIRECTORY_BYTES) return damaged(`a directory of ${directory.length} bytes`)
    const entries = new Map<string, ZipEntry>()
    for (const entry of parseDirectory(await file.read(directory.offset, directory.length), directory, damaged)) {
      if (entries.has(entry.name)) return damaged(`it holds ${shown(entry.name)} twice`)
      entries.set(entry.name, entry)
    }
    const [pickle, second] = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name))
    if (pickle === undefined || second !== undefined)
      throw new CheckpointRefused(`${file.path} is a zip archive, but not one that torch.save wrote`, RESAVE)
    return new TorchArchive(file, entries, pickle.slice(0, -'data.pkl'.length))
  }

  async tensors(): Promise<StoredTensor[]> {
    const order = this.entries.get(`${this.folder}byteorder`)
    if (order !== undefined && new TextDecoder().decode(await this.record('byteorder', 16)) !== 'little')
      return this.refuse('it was written on a big-endian machine', 'load and save it on a little-endian machine')
    const views = readStateDict(await this.record('data.pkl', MAX_PICKLE_BYTES), (why) => this.refuse(why))
    return Array.from(views, ([name, view]): StoredTensor => {
      const read = this.reader(name, view)
      return { name, dtype: view.storage.dtype, shape: view.shape, read }
    })
  }

  private reader(name: string, view: TorchView): StoredTensor['read'] {
    const { storage, offset, shape } = view
    const { dtype } = storage
    if (!isFloatType(dtype))
      return () =>
        Promise.reject(new CheckpointRefused(`${this.file.path}: ${shown(name)} holds ${dtype}, not floats`, RESAVE))
    const elements = shape.reduce((product, length) => product * length, 1)
    const size = ELEMENT_BYTES[dtype]
    const numbers = async (from: number, into: Float32Array): Promise<void> => {
      const start = await this.startOf(storage)
      decodeFloats(await this.file.read(start + from * size, into.length * size), dtype, into)
    }
    if (isContiguous(view))
      return async (from, into) => {
        checkRange(from, into, elements)
        await numbers(offset + from, into)
      }
    let whole: Promise<Float32Array> | undefined
    const gather = async (): Promise<Float32Array> => {
      const span = elements === 0 ? 0 : spanOf(view)
      if (Math.max(span, elements) * 4 > MAX_SCATTERED_BYTES)
        return this.refuse(`${shown(name)} of ${shape.join('x')} does not lie in one piece`)
      const values = new Float32Array(span)
      await numbers(offset, values)
      return gathered(values, view, elements)
    }
    return async (from, into) => {
      checkRange(from, into, elements)
      whole ??= gather()
      into.set((await whole).subarray(from, from + into.length))
    }
  }

  /** First byte of a storage; once it is known to be whole. */
  private startOf({ key, dtype, elements }: TorchStorage): Promise<number> {
    const name = `data/${key}`
    let start = this.checked.get(name)
    if (start === undefined) {
      start = this.check(name, elements * ELEMENT_BYTES[dtype])
      this.checked.set(name, start)
    }
    return start
  }

  private async check(name: string, bytes: number): Promise<number> {
    const entry = this.entry(name)
    const start = await this.place(entry)
    if (entry.size !== bytes)
      return this.refuse(`its record ${name} has ${entry.size} bytes, the storage needs ${bytes}`)
    let crc = 0
    for (let at = 0; at < bytes; at += CRC_BYTES)
      crc = crc32(await this.file.read(start + at, Math.min(CRC_BYTES, bytes - at)), crc)
    if (crc !== entry.crc32) return this.refuse(`its record ${name} has a wrong CRC-32`, 'copy the file again')
    return start
  }

  /** All of a small record. */
  private async record(name: string, most: number): Promise<Uint8Array> {
    const entry = this.entry(name)
    if (entry.size > most) return this.refuse(`its record ${name} has ${entry.size} bytes, more than ${most}`)
    const bytes = await this.file.read(await this.place(entry), entry.size)
    if (crc32(bytes) !== entry.crc32) return this.refuse(`its record ${name} has a wrong CRC-32`, 'copy the file again')
    return bytes
  }

  private entry(name: string): ZipEntry {
    return this.entries.get(this.folder + name) ?? this.refuse(`its record ${name} is missing`, 'copy the file again')
  }

  private async place(entry: ZipEntry): Promise<number> {
    if (entry.method !== STORED || entry.size !== entry.packedSize)
      return this.refuse(`its record ${shown(entry.name)} is compressed, which torch.save never does`)
    const local = await this.file.read(entry.offset, LOCAL_HEADER_BYTES)
    return dataStart(local, entry, this.file.bytes, (why) => this.refuse(why, 'copy the file again'))
  }

  private refuse(why: string, remedy = RESAVE): never {
    throw new CheckpointRefused(`${this.file.path} is not read: ${why}`, remedy)
  }
}

function checkRange(from: number, into: Float32Array, elements: number): void {
  if (from < 0 || from + into.length > elements)
    throw new RangeError(`elements ${from} .. ${from + into.length} of ${elements}`)
}

/** Row-major without gaps; a length of one makes its stride meaningless. */
function isContiguous({ shape, strides }: TorchView): boolean {
  let due = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    const length = shape[i] as number
    if (length !== 1 && strides[i] !== due) return false
    due *= length
  }
  return true
}

/** Elements of the storage from the first to the last that the view shows. */
const spanOf = ({ shape, strides }: TorchView): number =>
  shape.reduce((sum, length, i) => sum + (length - 1) * (strides[i] as number), 1)

/** The view's elements in row-major order, out of its span. */
function gathered(span: Float32Array, { shape, strides }: TorchView, elements: number): Float32Array {
  const values = new Float32Array(elements)
  const index = shape.map(() => 0)
  let at = 0
  for (let i = 0; i < elements; i++) {
    values[i] = span[at] as number
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis] as number
      index[axis] = (index[axis] as number) + 1
      if (index[axis] !== shape[axis]) break
      at -= (shape[axis] as number) * (strides[axis] as number)
      index[axis] = 0
    }
  }
  return values
}
