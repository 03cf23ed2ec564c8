// What the driver tells of a GPU, asked of nvidia-smi in its query mode: one line of comma-separated values per card. A value
// the card does not have (`[N/A]`, `[Not Supported]`) is undefined, never 0.
import { execFile } from 'node:child_process'

/** Query names, in the order asked; each a field of GpuReading. */
const FIELDS = {
  index: 'index',
  uuid: 'uuid',
  name: 'name',
  utilisation: 'utilization.gpu',
  memoryUtilisation: 'utilization.memory',
  memoryUsed: 'memory.used',
  memoryTotal: 'memory.total',
  power: 'power.draw',
  powerLimit: 'power.limit',
  temperature: 'temperature.gpu',
  smClock: 'clocks.sm',
} as const

export interface GpuReading {
  readonly index: number
  readonly uuid: string
  readonly name: string
  /** Share of time in which any kernel ran, 0 to 1; says little about how well it ran. */
  readonly utilisation: number | undefined
  readonly memoryUtilisation: number | undefined
  /** Bytes. */
  readonly memoryUsed: number | undefined
  readonly memoryTotal: number | undefined
  /** Watts. */
  readonly power: number | undefined
  readonly powerLimit: number | undefined
  /** Degrees Celsius. */
  readonly temperature: number | undefined
  /** Hertz. */
  readonly smClock: number | undefined
}

const TIMEOUT_MS = 5000
const MIB = 2 ** 20

const numberOf = (text: string | undefined, unit: number): number | undefined => {
  const value = Number(text)
  return text === undefined || text === '' || !Number.isFinite(value) ? undefined : value * unit
}

/** The lines of `--format=csv,noheader,nounits`; a line that is not of our query is left out. */
export function parseReadings(csv: string): GpuReading[] {
  return csv.split('\n').flatMap((line) => {
    const values = line.split(',').map((value) => value.trim())
    const of = (field: keyof typeof FIELDS): string | undefined => values[Object.keys(FIELDS).indexOf(field)]
    const index = numberOf(of('index'), 1)
    if (values.length !== Object.keys(FIELDS).length || index === undefined) return []
    return [
      {
        index,
        uuid: of('uuid') ?? '',
        name: of('name') ?? '',
        utilisation: numberOf(of('utilisation'), 0.01),
        memoryUtilisation: numberOf(of('memoryUtilisation'), 0.01),
        memoryUsed: numberOf(of('memoryUsed'), MIB),
        memoryTotal: numberOf(of('memoryTotal'), MIB),
        power: numberOf(of('power'), 1),
        powerLimit: numberOf(of('powerLimit'), 1),
        temperature: numberOf(of('temperature'), 1),
        smClock: numberOf(of('smClock'), 1e6),
      },
    ]
  })
}

/** All cards; undefined where there is no nvidia-smi, or it fails. */
export function readGpus(): Promise<GpuReading[] | undefined> {
  const args = [`--query-gpu=${Object.values(FIELDS).join(',')}`, '--format=csv,noheader,nounits']
  return new Promise((resolve) => {
    execFile('nvidia-smi', args, { timeout: TIMEOUT_MS }, (error, stdout) =>
      resolve(error === null ? parseReadings(stdout) : undefined),
    )
  })
}

/** The card that a worker computes on: the one it was given, or the first where the device it found is a GPU. */
export const usedGpu = (asked: number | undefined, device: string): number | undefined =>
  asked ?? (device.startsWith('GPU') ? 0 : undefined)
