// Writes one checkpoint so that it is either whole or not there: into a folder with a passing name, every file synced, the
// manifest last, then one rename. Bytes come as ranges, in any order and from several workers at once; the hash is taken
// while they come in order and finished from the disk otherwise.
import { createHash } from 'node:crypto'
import { link, mkdir, open, rm, stat, statfs, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { SystemRefused } from '../../shared/errors.js'
import { MANIFEST_FILE, manifestOf, manifestText, parseManifest } from '../../shared/checkpoint/manifest.js'
import type { Manifest, ManifestInput } from '../../shared/checkpoint/manifest.js'
import { planFile, type TensorFile, type TensorSpec } from '../../shared/checkpoint/safetensors.js'
import { Coverage } from './coverage.js'
import { onDisk, syncFolder, writeDurably } from './disk.js'
import { folderName, makeRoot, passingName, publish } from './folders.js'

const READ_BYTES = 4 << 20

export interface FilePlan {
  readonly name: string
  readonly tensors: readonly TensorSpec[]
}

/** How files are opened; a test replaces it by a disk that fills up. */
export type OpenFile = (path: string, flags: string) => Promise<FileHandle>

class PendingFile {
  private readonly hash = createHash('sha256')
  /** Bytes of the file that went into the hash, from its start. */
  private hashed = 0
  private readonly coverage: Coverage

  constructor(
    readonly name: string,
    readonly plan: TensorFile,
    private readonly handle: FileHandle,
  ) {
    this.coverage = new Coverage(plan.bytes)
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (!this.coverage.add(position, position + bytes.length)) {
      throw new RangeError(`${this.name}: bytes ${position} .. ${position + bytes.length} overlap or leave the file`)
    }
    if (position === this.hashed) this.absorb(bytes)
    for (let done = 0; done < bytes.length;) {
      done += (await this.handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
    }
  }

  async finish(): Promise<Manifest['files'][number]> {
    const gap = this.coverage.firstGap()
    if (gap !== undefined) {
      const tensor = this.plan.tensors.find(({ end }) => end > gap - this.plan.dataStart)
      throw new RangeError(`${this.name} is not complete: byte ${gap} (tensor '${tensor?.name}') was never written`)
    }
    for await (const bytes of this.written(this.hashed)) this.absorb(bytes)
    await this.handle.sync()
    const sha256 = this.hash.digest('hex')
    await this.compare(sha256)
    await this.handle.close()
    return { name: this.name, bytes: this.plan.bytes, sha256 }
  }

  /** Reads back what was written. @throws SystemRefused if the disk gives other bytes than it took */
  private async compare(sha256: string): Promise<void> {
    const hash = createHash('sha256')
    for await (const bytes of this.written(0)) hash.update(bytes)
    if (hash.digest('hex') === sha256) return
    throw new SystemRefused(
      `${this.name} reads back otherwise than it was written`,
      'check the disk (and its free space); earlier checkpoints are untouched',
    )
  }

  /** What the disk holds, from byte `from` to the end; each piece is valid until the next. */
  private async *written(from: number): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(Math.min(READ_BYTES, this.plan.bytes - from))
    for (let at = from; at < this.plan.bytes;) {
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) throw new RangeError(`${this.name} ends at byte ${at} of ${this.plan.bytes}`)
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  }

  async drop(): Promise<void> {
    await this.handle.close().catch(() => undefined) // closed already, or about to be deleted
  }

  private absorb(bytes: Uint8Array): void {
    this.hash.update(bytes)
    this.hashed += bytes.length
  }
}

export class CheckpointWriter {
  private state: 'open' | 'finished' | 'aborted' = 'open'
  private readonly files = new Map<string, PendingFile>()
  private readonly linked: Manifest['files'] = []

  private constructor(
    private readonly root: string,
    private readonly name: string,
    private readonly folder: string,
    private readonly openFile: OpenFile,
  ) {}

  /**
   * Begins a checkpoint below `root`; call cleanLeftovers once at start-up before.
   * @throws SystemRefused when the disk is full, too small for these files, or not writable
   */
  static async begin(
    root: string,
    step: number,
    plans: readonly FilePlan[],
    openFile: OpenFile = open,
  ): Promise<CheckpointWriter> {
    await makeRoot(root)
    await checkSpace(
      root,
      plans.reduce((bytes, { tensors }) => bytes + planFile(tensors, {}).file.bytes, 0),
    )
    const name = folderName(step)
    const writer = new CheckpointWriter(root, name, join(root, passingName(name, 'tmp')), openFile)
    await writer.guarded(async () => {
      await rm(writer.folder, { recursive: true, force: true })
      await mkdir(writer.folder)
    })
    for (const plan of plans) await writer.add(plan)
    return writer
  }

  /**
   * Files of another checkpoint become part of this one, by hard links: no bytes are written.
   * @returns false, and nothing is changed, where the file system has no links or the files are gone
   */
  async link(dir: string, files: Manifest['files']): Promise<boolean> {
    this.mustBeOpen()
    const made: string[] = []
    try {
      for (const { name, bytes } of files) {
        await link(join(dir, name), join(this.folder, name))
        made.push(name)
        if ((await stat(join(this.folder, name))).size !== bytes) throw new RangeError(`${name} is not what it was`)
      }
    } catch {
      // Whatever the reason: they can be written.
      for (const name of made) await rm(join(this.folder, name), { force: true })
      return false
    }
    this.linked.push(...files)
    return true
  }

  /** One more file, behind those of begin. @throws SystemRefused as begin */
  async add({ name, tensors }: FilePlan): Promise<void> {
    this.mustBeOpen()
    const { file, header } = planFile(tensors, { format: 'trmesh-1' })
    await this.guarded(async () => {
      await checkSpace(this.root, file.bytes)
      const pending = new PendingFile(name, file, await this.openFile(join(this.folder, name), 'wx+'))
      this.files.set(name, pending)
      await pending.write(0, header)
    })
  }

  /**
   * Bytes of one tensor, from byte `offset` of it on; they must not change until this resolves.
   * @throws SystemRefused (then the checkpoint is aborted); RangeError when bytes overlap or leave the tensor
   */
  async write(file: string, tensor: string, offset: number, bytes: Uint8Array): Promise<void> {
    const place = this.file(file).plan.tensors.find(({ name }) => name === tensor)
    if (place === undefined) throw new RangeError(`${file} has no tensor '${tensor}'`)
    if (offset < 0 || place.begin + offset + bytes.length > place.end) {
      throw new RangeError(`${file}: bytes ${offset} .. ${offset + bytes.length} leave tensor '${tensor}'`)
    }
    await this.writeData(file, place.begin + offset, bytes)
  }

  /** Bytes of the data of a file, from its first tensor on; they may reach over several tensors (see denseRange). */
  async writeData(file: string, offset: number, bytes: Uint8Array): Promise<void> {
    const pending = this.file(file)
    await this.guarded(() => pending.write(pending.plan.dataStart + offset, bytes))
  }

  /**
   * Makes the checkpoint visible. @returns its folder
   * @param mayAppear asked when all is written: another may have taken the run over meanwhile
   * @throws RangeError when bytes are missing; SystemRefused; either way it is aborted and older ones are untouched
   */
  async finish(input: ManifestInput, mayAppear: () => boolean = () => true): Promise<string> {
    this.mustBeOpen()
    return this.guarded(async () => {
      const files: Manifest['files'] = [...this.linked]
      for (const file of this.files.values()) files.push(await file.finish())
      const text = manifestText(manifestOf(input, files))
      parseManifest(text, join(this.folder, MANIFEST_FILE)) // what cannot be read again must not be written
      await writeDurably(join(this.folder, MANIFEST_FILE), text)
      await syncFolder(this.folder)
      if (!mayAppear())
        throw new SystemRefused(`${this.name} is not ours to write: another coordinator leads the run`, 'leave it to that one') // prettier-ignore
      const dir = await publish(this.root, this.folder, this.name)
      this.state = 'finished'
      return dir
    })
  }

  /** Removes what was written; harmless after finish or a second time. */
  async abort(): Promise<void> {
    if (this.state !== 'open') return
    this.state = 'aborted'
    for (const file of this.files.values()) await file.drop()
    await rm(this.folder, { recursive: true, force: true })
  }

  private file(name: string): PendingFile {
    this.mustBeOpen()
    const file = this.files.get(name)
    if (file === undefined) throw new RangeError(`the checkpoint has no file '${name}'`)
    return file
  }

  private mustBeOpen(): void {
    if (this.state !== 'open') throw new Error(`this checkpoint is ${this.state}`)
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await onDisk('write the checkpoint', this.folder, work)
    } catch (error) {
      await this.abort().catch(() => undefined) // the first failure is the one to tell
      throw error
    }
  }
}

async function checkSpace(root: string, needed: number): Promise<void> {
  const { bavail, bsize } = await onDisk('look at the disk of', root, () => statfs(root))
  const free = bavail * bsize
  if (free >= needed) return
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`
  throw new SystemRefused(
    `a checkpoint needs ${megabytes(needed)}, the disk of ${root} has ${megabytes(free)}`,
    `free space there, or set run.dir to another disk; earlier checkpoints are untouched`,
  )
}
