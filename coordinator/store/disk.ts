// The disk, and what to say when it refuses: full, read-only, not ours. Also the two durable steps every checkpoint takes.
import { open } from 'node:fs/promises'
import { SystemRefused } from '../../shared/errors.js'

const UNTOUCHED = 'earlier checkpoints are untouched'

const REMEDIES: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: (place) => `free space on the disk of ${place}, or set run.dir to another disk; ${UNTOUCHED}`,
  EDQUOT: (place) => `free space within your quota on the disk of ${place}, or set run.dir elsewhere; ${UNTOUCHED}`,
  EACCES: (place) => `make ${place} writable for this user, or set run.dir elsewhere; ${UNTOUCHED}`,
  EPERM: (place) => `make ${place} writable for this user, or set run.dir elsewhere; ${UNTOUCHED}`,
  EROFS: (place) => `${place} is mounted read-only: remount it, or set run.dir elsewhere; ${UNTOUCHED}`,
  ENOTDIR: (place) =>
    `a file stands where a folder is needed on the way to ${place}: move it, or set run.dir elsewhere`,
  EEXIST: (place) => `a file stands where a folder is needed on the way to ${place}: move it, or set run.dir elsewhere`,
}

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/**
 * Runs `work`; what the operating system refuses becomes one clear error.
 * @param action what was being done, as in "could not ..."
 * @throws SystemRefused naming the place, with the remedy
 */
export async function onDisk<T>(action: string, place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error
    const remedy = REMEDIES[code]?.(place) ?? `check the disk of ${place}; ${UNTOUCHED}`
    throw new SystemRefused(`could not ${action} ${place} (${code})`, remedy, { cause: error })
  }
}

/** Makes the names in a folder (created, renamed) survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Creates a file with this text and waits until it is on the disk. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
