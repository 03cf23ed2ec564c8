// This machine in a few words, for people who read a measured number.
import { arch, cpus, platform, totalmem } from 'node:os'

export function machineInWords(): string {
  const [cpu] = cpus()
  const model = cpu?.model.trim() ?? 'unknown CPU'
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${model}, ${cpus().length} cores, ${memory} GiB, ${platform()} ${arch()}, Node ${process.version}`
}
