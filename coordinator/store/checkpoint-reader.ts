// Reads checkpoints, and trusts none: before a number is used, the manifest is parsed, every file has the size and hash it
// names, every header is sound, and no f32 is NaN or infinite. Files are streamed, so they may be larger than memory.
import { createHash } from 'node:crypto'
import { open, readFile, rename, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CheckpointRefused } from '../../shared/errors.js'
import { firstNonFinite } from '../../shared/gradients/finite.js'
import { MANIFEST_FILE, manifestText, parseManifest, type Manifest } from '../../shared/checkpoint/manifest.js'
import { headerLength, parseHeader } from '../../shared/checkpoint/safetensors.js'
import type { TensorFile, TensorPlace, TensorSpec } from '../../shared/checkpoint/safetensors.js'
import { errnoOf, onDisk, syncFolder, writeDurably } from './disk.js'
import { listCheckpoints } from './folders.js'

const CHUNK_BYTES = 4 << 20
const REMEDY = 'choose another checkpoint, or start over with --fresh'

interface OpenedFile {
  readonly handle: FileHandle
  readonly plan: TensorFile
}

export class Checkpoint {
  constructor(
    readonly dir: string,
    readonly manifest: Manifest,
    private readonly files: ReadonlyMap<string, OpenedFile>,
  ) {}

  has(file: string): boolean {
    return this.files.has(file)
  }

  /** Tensors of a file and where they lie. */
  tensors(file: string): readonly TensorPlace[] {
    return this.opened(file).plan.tensors
  }

  /** @throws CheckpointRefused unless the file holds exactly these tensors, in this order */
  expect(file: string, specs: readonly TensorSpec[]): void {
    const found = this.tensors(file)
    const text = (spec: TensorSpec | undefined): string =>
      spec === undefined ? 'nothing' : `${spec.name} ${spec.dtype} ${spec.shape.join('x')}`
    for (let i = 0; i < Math.max(found.length, specs.length); i++) {
      if (text(found[i]) === text(specs[i])) continue
      throw new CheckpointRefused(
        `${join(this.dir, file)} holds ${text(found[i])} where ${text(specs[i])} was due`,
        REMEDY,
      )
    }
  }

  /** Bytes `offset .. offset + length` of one tensor, in a buffer of their own (so it can be viewed as f32). */
  async readRange(file: string, tensor: string, offset: number, length: number): Promise<Uint8Array> {
    const place = this.tensors(file).find(({ name }) => name === tensor)
    if (place === undefined) throw new CheckpointRefused(`${join(this.dir, file)} has no tensor '${tensor}'`, REMEDY)
    if (offset < 0 || length < 0 || place.begin + offset + length > place.end) {
      throw new RangeError(
        `bytes ${offset} .. ${offset + length} leave tensor '${tensor}' of ${place.end - place.begin}`,
      )
    }
    return this.readData(file, place.begin + offset, length)
  }

  /** Bytes of the data of a file, from its first tensor on (see denseRange). */
  async readData(file: string, offset: number, length: number): Promise<Uint8Array> {
    const { handle, plan } = this.opened(file)
    const into = new Uint8Array(length)
    await readFully(handle, plan.dataStart + offset, into, join(this.dir, file))
    return into
  }

  async close(): Promise<void> {
    for (const { handle } of this.files.values()) await handle.close()
  }

  private opened(file: string): OpenedFile {
    const opened = this.files.get(file)
    if (opened === undefined) throw new CheckpointRefused(`${this.dir} has no ${file}`, REMEDY)
    return opened
  }
}

/**
 * Opens a checkpoint after checking every byte of it. The caller closes it.
 * @throws CheckpointRefused naming the file and what is wrong; SystemRefused when it may not be read
 */
export async function openCheckpoint(dir: string): Promise<Checkpoint> {
  const manifest = await readManifest(dir)
  const files = new Map<string, OpenedFile>()
  try {
    for (const entry of manifest.files) {
      const path = join(dir, entry.name)
      const handle = await orMissing(path, () => open(path, 'r'))
      try {
        files.set(entry.name, { handle, plan: await onDisk('read', path, () => verify(handle, path, entry)) })
      } catch (error) {
        await handle.close()
        throw error
      }
    }
    return new Checkpoint(dir, manifest, files)
  } catch (error) {
    for (const { handle } of files.values()) await handle.close()
    throw error
  }
}

/** The manifest alone, without a look at the files. @throws CheckpointRefused */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, MANIFEST_FILE)
  return parseManifest(await orMissing(path, () => readFile(path, 'utf8')), path)
}

/** Changes the manifest of a complete checkpoint (say, adds its evaluation) so that no reader sees half of it. */
export async function amendManifest(
  dir: string,
  change: Partial<Pick<Manifest, 'evaluation' | 'metrics'>>,
): Promise<void> {
  const path = join(dir, MANIFEST_FILE)
  const text = manifestText({ ...(await readManifest(dir)), ...change })
  parseManifest(text, path) // what cannot be read again must not be written
  await onDisk('amend', path, async () => {
    await writeDurably(`${path}.tmp`, text)
    await rename(`${path}.tmp`, path)
    await syncFolder(dirname(path))
  })
}

export interface Latest {
  /** Newest complete one, opened; undefined when there is none. */
  readonly checkpoint: Checkpoint | undefined
  /** Newer folders that were passed over, and why. */
  readonly skipped: readonly { readonly dir: string; readonly why: string }[]
}

/** The newest checkpoint below `root` that is whole. */
export async function latestCheckpoint(root: string): Promise<Latest> {
  const skipped: { dir: string; why: string }[] = []
  for (const { dir, step } of await listCheckpoints(root)) {
    try {
      const checkpoint = await openCheckpoint(dir)
      if (checkpoint.manifest.step === step) return { checkpoint, skipped }
      await checkpoint.close()
      skipped.push({ dir, why: `${basename(dir)} holds step ${checkpoint.manifest.step}` })
    } catch (error) {
      if (!(error instanceof CheckpointRefused)) throw error
      skipped.push({ dir, why: error.message })
    }
  }
  return { checkpoint: undefined, skipped }
}

async function orMissing<T>(path: string, work: () => Promise<T>): Promise<T> {
  return onDisk('read', path, async () => {
    try {
      return await work()
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') {
        throw new CheckpointRefused(
          `${path} is missing: the checkpoint was never finished, or files were removed`,
          REMEDY,
        )
      }
      throw error
    }
  })
}

/** One pass: header, then tensor after tensor (there are no gaps), each hashed and searched for NaN. */
async function verify(handle: FileHandle, path: string, entry: Manifest['files'][number]): Promise<TensorFile> {
  const { size } = await handle.stat()
  if (size !== entry.bytes) {
    throw new CheckpointRefused(`${path} has ${size} bytes, the manifest says ${entry.bytes}`, REMEDY)
  }
  const hash = createHash('sha256')
  const read = async (position: number, into: Uint8Array): Promise<Uint8Array> => {
    await readFully(handle, position, into, path)
    hash.update(into)
    return into
  }
  const first = await read(0, new Uint8Array(Math.min(8, size)))
  const header = await read(8, new Uint8Array(headerLength(first, size, path)))
  const plan = parseHeader(header, size, path)
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, size))
  let broken: string | undefined
  for (const { name, dtype, begin, end } of plan.tensors) {
    for (let at = begin; at < end; at += CHUNK_BYTES) {
      const bytes = await read(plan.dataStart + at, buffer.subarray(0, Math.min(CHUNK_BYTES, end - at)))
      if (dtype !== 'F32' || broken !== undefined) continue
      const values = new Float32Array(bytes.buffer, 0, bytes.length / 4)
      const index = firstNonFinite(values)
      if (index < 0) continue
      const what = Number.isNaN(values[index]) ? 'NaN' : 'an infinity'
      broken = `${path}: tensor '${name}' holds ${what} at element ${(at - begin) / 4 + index}`
    }
  }
  if (hash.digest('hex') !== entry.sha256) {
    throw new CheckpointRefused(`${path} is damaged: its SHA-256 is not the one in the manifest`, REMEDY)
  }
  if (broken !== undefined) throw new CheckpointRefused(broken, REMEDY)
  return plan
}

async function readFully(handle: FileHandle, position: number, into: Uint8Array, path: string): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done)
    if (bytesRead === 0) throw new CheckpointRefused(`${path} ends at byte ${position + done}`, REMEDY)
    done += bytesRead
  }
}
