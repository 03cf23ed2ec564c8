// The disk in virtual time: what is asked of it is done at once when its time has come, in the file system of this machine. It
// may be slow or full. Who dies before gets nothing done any more.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { VirtualTime } from './time.js'

const TAKES_MS = 0.3
const SLOWER_MS = 150

const WRITES = new Set(['write', 'writeFile', 'sync', 'mkdir', 'link', 'rename'])
const FILLS = new Set(['write', 'writeFile', 'mkdir', 'link'])

type Method = (...given: never[]) => unknown

export class VirtualDisk {
  private fullUntil = 0
  private readonly undo: (() => void)[] = []

  constructor(private readonly time: VirtualTime) {}

  fill(ms: number): void {
    this.fullUntil = this.time.now + ms
  }

  install(): void {
    const promises = fs.promises as unknown as Record<string, unknown>
    const all = {
      ...{ link: fs.linkSync, mkdir: fs.mkdirSync, rm: fs.rmSync, stat: fs.statSync, readdir: fs.readdirSync },
      ...{ rename: fs.renameSync, readFile: fs.readFileSync, writeFile: fs.writeFileSync },
    } as unknown as Record<string, Method>
    for (const [name, work] of Object.entries(all)) this.replace(promises, name, this.later(name, work))
    this.replace(promises, 'open', async (path: string, flags: string) => {
      await this.due(flags.includes('w') ? 'write' : 'open')
      return this.handle(fs.openSync(path, flags))
    })
    this.replace(promises, 'statfs', async (path: string) => {
      await this.due('stat')
      const { bsize, bavail } = fs.statfsSync(path)
      return { bsize, bavail: this.isFull ? 0 : bavail }
    })
    const append = fs.appendFileSync
    this.replace(fs, 'appendFileSync', (path: string, text: string): void => {
      this.mustHaveRoom('write')
      append(path, text)
    })
    syncBuiltinESMExports()
  }

  restore(): void {
    for (const undo of this.undo.reverse()) undo()
    syncBuiltinESMExports()
  }

  private get isFull(): boolean {
    return this.time.now < this.fullUntil
  }

  private later(name: string, work: Method): Method {
    return async (...given: never[]) => {
      await this.due(name)
      return work(...given)
    }
  }

  /** Until it is this operation's turn. @throws Error as of a full disk */
  private async due(name: string): Promise<void> {
    const slow = WRITES.has(name) && this.time.now < (this.time.current?.diskSlowUntil ?? 0)
    await this.time.sleep(slow ? SLOWER_MS : TAKES_MS)
    this.mustHaveRoom(name)
  }

  private mustHaveRoom(name: string): void {
    if (FILLS.has(name) && this.isFull)
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  }

  private handle(file: number): object {
    const read = (into: Uint8Array, offset: number, length: number, position: number): { bytesRead: number } => ({
      bytesRead: fs.readSync(file, into, offset, length, position),
    })
    const write = (from: Uint8Array, offset: number, length: number, position: number): { bytesWritten: number } => ({
      bytesWritten: fs.writeSync(file, from, offset, length, position),
    })
    const work = {
      ...{ read, write, stat: () => fs.fstatSync(file), close: () => fs.closeSync(file) },
      ...{ sync: () => undefined, writeFile: (text: string) => fs.writeFileSync(file, text) },
    } as unknown as Record<string, Method>
    return Object.fromEntries(Object.entries(work).map(([name, one]) => [name, this.later(name, one)]))
  }

  private replace(object: Record<string, unknown>, name: string, by: unknown): void {
    const before = object[name]
    object[name] = by
    this.undo.push(() => (object[name] = before))
  }
}
