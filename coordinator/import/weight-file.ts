// A file of weights, whoever wrote it: named tensors, read by range as f32, so that a file may be larger than memory.
import { open, type FileHandle } from 'node:fs/promises'
import { CheckpointRefused } from '../../shared/errors.js'
import { onDisk } from '../store/disk.js'
import type { ElementType } from './numbers.js'

export interface StoredTensor {
  readonly name: string
  readonly dtype: ElementType
  readonly shape: readonly number[]
  /**
   * Elements `from .. from + into.length`, in row-major order.
   * @throws CheckpointRefused if the file is damaged, or its elements are no floats
   */
  read(from: number, into: Float32Array): Promise<void>
}

export interface WeightFile {
  readonly path: string
  /** What wrote it: `PyTorch` or `safetensors`. */
  readonly format: string
  /** Optimizer steps that the file says it had; undefined where it does not. */
  readonly step: number | undefined
  readonly tensors: readonly StoredTensor[]
  close(): Promise<void>
}

/** Random access to one file; whoever opens it closes it. */
export class RangeReader {
  private constructor(
    readonly path: string,
    readonly bytes: number,
    private readonly handle: FileHandle,
  ) {}

  /** @throws CheckpointRefused if there is no such file; SystemRefused if it may not be read */
  static async open(path: string): Promise<RangeReader> {
    const handle = await onDisk('open', path, () => open(path, 'r')).catch((cause: unknown) => {
      const missing = cause instanceof Error && /\((ENOENT|ENOTDIR)\)$/.test(cause.message)
      if (missing)
        throw new CheckpointRefused(`there is no file ${path}`, 'give the path of an existing file', { cause })
      throw cause
    })
    const found = await handle.stat()
    if (found.isFile()) return new RangeReader(path, found.size, handle)
    await handle.close()
    throw new CheckpointRefused(`${path} is no file`, 'give the path of a .pt or .safetensors file')
  }

  /** `length` bytes from `offset` on, in a buffer of their own. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || length < 0 || offset + length > this.bytes) return this.tooShort(this.bytes)
    const into = new Uint8Array(length)
    for (let done = 0; done < length;) {
      const { bytesRead } = await onDisk('read', this.path, () =>
        this.handle.read(into, done, length - done, offset + done),
      )
      if (bytesRead === 0) return this.tooShort(offset + done)
      done += bytesRead
    }
    return into
  }

  async close(): Promise<void> {
    await this.handle.close()
  }

  private tooShort(at: number): never {
    throw new CheckpointRefused(`${this.path} ends at byte ${at}`, 'the file was cut off: copy it again')
  }
}
