// The world of a process under test, loaded before it (--import): its wall clock can be made to jump and its disk to be slow, on
// a word of the campaign. What is monotonic stays so, as when somebody sets the clock of a machine.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** What the campaign says. */
export interface WorldChange {
  /** The wall clock jumps by so many milliseconds. */
  readonly jump?: number
  /** So long every write and sync takes longer. */
  readonly slowFor?: number
}

const SLOWER_MS = 150

let offset = 0
let slowUntil = -Infinity

const RealDate = Date
class JumpingDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    super(...((given.length === 0 ? [RealDate.now() + offset] : given) as [number]))
  }
  static override now(): number {
    return RealDate.now() + offset
  }
}

const isSlow = (): boolean => performance.now() < slowUntil
const pause = (): Promise<void> =>
  isSlow() ? new Promise((resolve) => setTimeout(resolve, SLOWER_MS)) : Promise.resolve()

/** Puts a pause before some methods of an object. */
function slower(object: object, names: readonly string[]): void {
  const methods = object as Record<string, (...given: unknown[]) => unknown>
  for (const name of names) {
    const real = methods[name]
    if (real === undefined) throw new Error(`node has no ${name} any more`)
    methods[name] = async function (this: unknown, ...given: unknown[]): Promise<unknown> {
      await pause()
      return real.apply(this, given)
    }
  }
}

async function slowDisk(): Promise<void> {
  const handle = await fs.promises.open(import.meta.filename, 'r')
  slower(Object.getPrototypeOf(handle) as object, ['write', 'writev', 'writeFile', 'sync', 'datasync'])
  await handle.close()
  slower(fs.promises, ['rename', 'writeFile', 'mkdir'])
  const append = fs.appendFileSync
  fs.appendFileSync = (...given: Parameters<typeof append>): void => {
    if (isSlow()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SLOWER_MS)
    append(...given)
  }
  syncBuiltinESMExports()
}

if (isMainThread && process.send !== undefined) {
  globalThis.Date = JumpingDate as DateConstructor
  await slowDisk()
  process.on('message', ({ jump = 0, slowFor = 0 }: WorldChange) => {
    offset += jump
    slowUntil = Math.max(slowUntil, performance.now() + slowFor)
  })
  // The campaign must not keep alive a process that is done.
  process.channel?.unref()
}
