// Names of checkpoint folders, and what to do with those that a dead process left behind. A complete checkpoint is called
// step-00000060; while it is written, replaced or deleted the name has a suffix and the process number, and no reader looks at it.
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, onDisk, syncFolder } from './disk.js'

/** tmp: being written; old: just replaced by a newer one of the same step; del: being deleted. */
type Passing = 'tmp' | 'old' | 'del'

const COMPLETE = /^step-(\d{8,15})$/
const PASSING = /^(step-\d{8,15})\.(tmp|old|del)-(\d+)$/

export const folderName = (step: number): string => `step-${String(step).padStart(8, '0')}`
export const passingName = (name: string, kind: Passing): string => `${name}.${kind}-${process.pid}`

export interface CheckpointFolder {
  readonly step: number
  readonly dir: string
}

/** Folders with a final name, newest step first; whether they are whole is for the reader to say. None if there is no root. */
export async function listCheckpoints(root: string): Promise<CheckpointFolder[]> {
  const found = await namesIn(root)
  return found
    .flatMap((name) => {
      const step = COMPLETE.exec(name)?.[1]
      return step === undefined ? [] : [{ step: Number(step), dir: join(root, name) }]
    })
    .sort((a, b) => b.step - a.step)
}

/** Puts the finished `from` in the place of the checkpoint `name`; an older one of that step gives way, and only then. */
export async function publish(root: string, from: string, name: string): Promise<string> {
  const dir = join(root, name)
  const old = join(root, passingName(name, 'old'))
  await rm(old, { recursive: true, force: true })
  const replaced = await moveAside(dir, old)
  try {
    await rename(from, dir)
  } catch (error) {
    if (replaced) await rename(old, dir)
    throw error
  }
  await syncFolder(root)
  if (replaced) await rm(old, { recursive: true, force: true })
  return dir
}

/** Deletes a checkpoint so that nobody ever sees half of it. */
export async function removeCheckpoint(root: string, name: string): Promise<void> {
  const dying = join(root, passingName(name, 'del'))
  await onDisk('delete the checkpoint', join(root, name), async () => {
    await rm(dying, { recursive: true, force: true })
    if (!(await moveAside(join(root, name), dying))) return
    await syncFolder(root)
    await rm(dying, { recursive: true, force: true })
  })
}

/**
 * Tidies up after a process that died in the middle: unfinished and half deleted folders go, a replaced checkpoint whose
 * successor never took its place comes back. Call it before this process writes. @returns what was done, in words
 */
export async function cleanLeftovers(root: string): Promise<string[]> {
  const done: string[] = []
  for (const name of await namesIn(root)) {
    const [, final, kind, pid] = PASSING.exec(name) ?? []
    if (final === undefined || isOtherLiving(Number(pid))) continue
    await onDisk('clean up', join(root, name), async () => {
      if (kind === 'old' && !(await namesIn(root)).includes(final)) {
        await rename(join(root, name), join(root, final))
        done.push(`${final} is back: the process that was replacing it died`)
      } else {
        await rm(join(root, name), { recursive: true, force: true })
        done.push(`${name} removed: the process that wrote it died`)
      }
    })
  }
  if (done.length > 0) await syncFolder(root)
  return done
}

export const makeRoot = (root: string): Promise<unknown> =>
  onDisk('create the folder', root, () => mkdir(root, { recursive: true }))

async function namesIn(root: string): Promise<string[]> {
  return onDisk('read the folder', root, async () => {
    try {
      return await readdir(root)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
  })
}

async function moveAside(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Signal 0 asks whether a process lives. Our own number from an earlier life (a container's process 1) counts as dead. */
function isOtherLiving(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) === 'EPERM'
  }
}
