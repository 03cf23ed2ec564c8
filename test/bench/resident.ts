// Memory of a process: resident, at its highest since it began, as Linux counts it; and on GPUs, as the driver counts it.
import { spawnSync } from 'node:child_process'
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

/** Bytes on all GPUs at this moment, context included; NaN where the driver does not tell. */
export function memoryOnGpu(pid: number | undefined): number {
  const query = ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits']
  const { stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 10_000 })
  const lines = (stdout ?? '').split('\n').map((line) => line.split(',').map(Number))
  const own = lines.filter(([who]) => who === pid)
  return own.length === 0 ? NaN : own.reduce((sum, [, mib]) => sum + (mib ?? NaN), 0) * 2 ** 20
}
