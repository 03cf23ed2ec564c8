// How many joules a piece of work took, where the device tells: the counters of the CPU package (RAPL, readable by root
// alone on most systems), or the power that nvidia-smi shows, integrated. Elsewhere "not told", never a guess.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readGpus } from './nvidia-smi.js'

export interface EnergyReading {
  /** NaN if the device does not tell. */
  readonly joules: number
}

export interface Energy {
  /** What tells, or why nothing does. */
  readonly source: string
  /** Call it, do the work, call what it returned. */
  start(): () => EnergyReading
}

const POWERCAP = '/sys/class/powercap'
const SAMPLE_MS = 500

const readNumber = (path: string): number => Number(readFileSync(path, 'utf8'))

/** Packages whose counter can be read. */
function packages(folder: string): { energy: string; range: number }[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^intel-rapl:\d+$/.test(name))
      .map((name) => {
        const energy = join(folder, name, 'energy_uj')
        readNumber(energy)
        return { energy, range: readNumber(join(folder, name, 'max_energy_range_uj')) }
      })
  } catch {
    // No such counters, or not for us.
    return []
  }
}

/** @param gpu the card that computes; undefined: the CPU does */
export function findEnergy(gpu: number | undefined, powercap = POWERCAP): Energy {
  if (gpu !== undefined) return gpuEnergy(gpu)
  const counters = packages(powercap)
  if (counters.length === 0) return { source: 'not told by this device', start: () => () => ({ joules: NaN }) }
  return {
    source: 'RAPL, all of the CPU packages',
    start() {
      const before = counters.map(({ energy }) => readNumber(energy))
      return () => {
        const micro = counters.reduce((sum, { energy, range }, i) => {
          const grown = readNumber(energy) - (before[i] ?? 0)
          return sum + (grown >= 0 ? grown : grown + range)
        }, 0)
        return { joules: micro / 1e6 }
      }
    },
  }
}

/** The mean of the power seen, times the time; NaN if none was seen. */
function gpuEnergy(gpu: number): Energy {
  return {
    source: `nvidia-smi, power of GPU ${gpu} every ${SAMPLE_MS / 1000} s`,
    start() {
      const began = performance.now()
      const seen: number[] = []
      const look = (): void =>
        void readGpus().then((gpus) => {
          const power = gpus?.find(({ index }) => index === gpu)?.power
          if (power !== undefined) seen.push(power)
        })
      look()
      const timer = setInterval(look, SAMPLE_MS)
      return () => {
        clearInterval(timer)
        const mean = seen.reduce((sum, power) => sum + power, 0) / seen.length
        return { joules: (mean * (performance.now() - began)) / 1000 }
      }
    },
  }
}
