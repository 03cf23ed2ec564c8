// One installer at a time in a folder: a file holds the process id of whoever works there.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 200

/** Runs `work` alone in `folder`; others wait. The lock of a process that died is taken over. */
export async function withLock<T>(folder: string, log: (line: string) => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, '.lock')
  for (let tries = 0; !take(path); tries++) {
    if (tries === 1) log(`another process is installing here: waiting for it (if there is none, remove ${path})`)
    await sleep(POLL_MS)
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

/** A link appears with its content or not at all, so a lock is never seen half written. */
function take(path: string): boolean {
  const mine = `${path}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    linkSync(mine, path)
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    if (!holderLives(path)) dropStale(path, `${mine}.stale`)
    return false
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Moves the lock away and looks again: between the first look and now, a living process may have taken it. */
function dropStale(path: string, aside: string): void {
  try {
    renameSync(path, aside)
    if (holderLives(aside)) linkSync(aside, path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function holderLives(path: string): boolean {
  try {
    process.kill(Number.parseInt(readFileSync(path, 'utf8'), 10), 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM' // ESRCH: it died; ENOENT: just released; EPERM: it lives, as another user
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
