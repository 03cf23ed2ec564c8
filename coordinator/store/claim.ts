// Which epoch the run's folder is at: one empty file, epoch-00000007. To go on to another epoch a coordinator renames it, which
// only one can do: whoever finds the name it knows gone has been superseded, whatever it slept through. A rename needs no room
// on a full disk. What the file system does not let us note down (read-only, folder gone) is no reason to stop training.
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Epoch } from '../../shared/ids.js'
import { errnoOf } from './disk.js'

const NAME = /^epoch-(\d{8,15})$/
const nameOf = (epoch: number): string => `epoch-${String(epoch).padStart(8, '0')}`

export class Claim {
  /** The epoch whose file is ours. */
  private mine = 0
  private told = false

  /** @param folder of the run; @param onFailure is told once why the folder cannot say which epoch it is at */
  constructor(
    private readonly folder: string,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** Takes the run over from whoever led it. @returns an epoch above all before it, and above `above` */
  begin(above: number): Epoch {
    this.tolerant(() => {
      mkdirSync(this.folder, { recursive: true })
      const [latest = 0, ...older] = this.known()
      for (const epoch of older) rmSync(join(this.folder, nameOf(epoch)), { force: true })
      this.mine = latest
    })
    const epoch = (Math.max(above, this.mine) + 1) as Epoch
    // Another that begins at this moment may have been faster: then that one is superseded by us, or we are by it.
    return this.advance(epoch) ? epoch : this.begin(above)
  }

  /** From our epoch to a later one. @returns false if the run was taken over in between: nothing of it is ours any more */
  advance(epoch: Epoch): boolean {
    if (epoch <= this.mine) return this.holds()
    try {
      if (this.mine > 0) renameSync(this.path(this.mine), this.path(epoch))
      else writeFileSync(this.path(epoch), '', { flag: 'wx' })
    } catch (error) {
      if (!this.holds()) return false
      if (errnoOf(error) === 'ENOENT') this.tolerant(() => writeFileSync(this.path(epoch), ''))
      else this.failed(error)
    }
    this.mine = epoch
    return true
  }

  /** Whether nobody has taken the run over. */
  holds(): boolean {
    let latest = 0
    this.tolerant(() => (latest = this.known()[0] ?? 0))
    return latest <= this.mine
  }

  private path(epoch: number): string {
    return join(this.folder, nameOf(epoch))
  }

  /** Latest first. */
  private known(): number[] {
    return readdirSync(this.folder)
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a)
  }

  private failed(error: unknown): void {
    if (!this.told) this.onFailure(error)
    this.told = true
  }

  private tolerant(work: () => unknown): void {
    try {
      work()
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return // nobody has noted anything down here
      this.failed(error)
    }
  }
}
