// Resident memory of a process at its highest since it began, as Linux counts it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SystemRefused } from '../../shared/errors.js'

/** VmHWM in bytes; 0 if it is gone. @throws SystemRefused where there is no /proc */
export function highestResident(pid: number | undefined): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(join('/proc', String(pid), 'status'), 'utf8'))
    return Number(found?.[1] ?? 0) * 1024
  } catch (cause) {
    if (process.platform === 'linux') return 0
    throw new SystemRefused('resident memory is read from /proc', 'run this benchmark on Linux', { cause })
  }
}
