// What the machine itself is: processor, memory, disk, NVIDIA cards.
import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { run } from '../setup/command.js'
import type { Finding } from './finding.js'

const GIB = 2 ** 30
/** What one worker and the coordinator hold at the tiny presets; the figure behind the note on memory. */
const COMFORTABLE_MEMORY = 4 * GIB
const COMFORTABLE_DISK = 3 * GIB
/** The first driver that runs CUDA 12 programs. */
const CUDA12_DRIVER = 525

export function processorFinding(): Finding {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const cores = availableParallelism()
  const wide = vectorUnits()
  return {
    topic: 'processor',
    state: 'ok',
    text: `${model}, ${cores} core${cores === 1 ? '' : 's'} usable${wide.length > 0 ? `, ${wide.join(', ')}` : ''}`,
  }
}

/** The instruction sets that decide how fast a matrix product can be, best first. */
export function vectorUnits(cpuinfo = readOrEmpty('/proc/cpuinfo')): string[] {
  const flags = new Set((/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').trim().split(/\s+/))
  const known: [string, string][] = [
    ['amx_bf16', 'AMX bf16'],
    ['avx512_bf16', 'AVX-512 bf16'],
    ['avx512f', 'AVX-512'],
    ['avx2', 'AVX2'],
    ['sve', 'SVE'],
    ['asimd', 'NEON'],
  ]
  return known.filter(([flag]) => flags.has(flag)).map(([, name]) => name)
}

export function memoryFinding(): Finding {
  // In a container the limit, not the machine, is what there is.
  const limit = process.constrainedMemory()
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  const text = `${(bytes / GIB).toFixed(1)} GiB`
  if (bytes >= COMFORTABLE_MEMORY) return { topic: 'memory', state: 'ok', text }
  return { topic: 'memory', state: 'note', text: `${text}: enough for the tiny preset with one worker, little else` }
}

export function diskFinding(root: string): Finding {
  const { bavail, bsize } = statfsSync(root)
  const free = bavail * bsize
  const text = `${(free / GIB).toFixed(1)} GiB free in ${root}`
  if (free >= COMFORTABLE_DISK) return { topic: 'disk', state: 'ok', text }
  return {
    topic: 'disk',
    state: 'note',
    text,
    remedy: 'TensorFlow takes 1.5 GB while it is installed, an ARC checkpoint 2 GB: free some space',
  }
}

export interface Gpu {
  index: number
  name: string
  memoryMiB: number
  driver: string
}

/** The NVIDIA cards the driver tells of; empty where there is no driver. */
export async function listGpus(): Promise<Gpu[]> {
  const query = ['--query-gpu=index,name,memory.total,driver_version', '--format=csv,noheader,nounits']
  const { status, stdout } = await run('nvidia-smi', query, { timeoutMs: 20_000 })
  return status === 0 ? parseGpus(stdout) : []
}

/** The rows of `nvidia-smi --query-gpu=index,name,memory.total,driver_version`. */
export function parseGpus(csv: string): Gpu[] {
  return csv.split('\n').flatMap((line) => {
    const [index, name, memory, driver] = line.split(',').map((cell) => cell.trim())
    if (index === undefined || !/^\d+$/.test(index) || name === undefined || driver === undefined) return []
    return [{ index: Number(index), name, memoryMiB: Number(memory), driver }]
  })
}

export function gpuFindings(gpus: readonly Gpu[]): Finding[] {
  if (gpus.length === 0)
    return [{ topic: 'gpu', state: 'note', text: 'no NVIDIA GPU (nvidia-smi tells of none): training runs on the CPU' }]
  return gpus.map(({ index, name, memoryMiB, driver }) => {
    const text = `${name}, ${(memoryMiB / 1024).toFixed(0)} GiB, driver ${driver}`
    const old = Number.parseInt(driver, 10) < CUDA12_DRIVER
    return {
      topic: `gpu ${index}`,
      state: old ? 'note' : 'ok',
      text,
      ...(old ? { remedy: `CUDA 12 needs driver ${CUDA12_DRIVER} or newer` } : {}),
    }
  })
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not Linux
  }
}
