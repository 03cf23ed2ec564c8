// The cards of a machine under the names of the table, looked at every few seconds while a worker lives.
import type { GaugeSetter } from '../shared/metrics.js'
import { readGpus, type GpuReading } from './nvidia-smi.js'

const LOOK_MS = 5000

/** Sets what the card has. */
export function tellGpu(recorder: GaugeSetter, reading: GpuReading): void {
  const gpu = String(reading.index)
  const { uuid, name: model, utilisation, memoryUtilisation, memoryUsed, memoryTotal, power, powerLimit } = reading
  recorder.set('trmesh_gpu_info', { gpu, uuid, model }, 1)
  const told = (value: number | undefined, set: (value: number) => void): void => {
    if (value !== undefined) set(value)
  }
  told(utilisation, (value) => recorder.set('trmesh_gpu_utilisation_ratio', { gpu, of: 'kernels' }, value))
  told(memoryUtilisation, (value) => recorder.set('trmesh_gpu_utilisation_ratio', { gpu, of: 'memory' }, value))
  told(memoryUsed, (value) => recorder.set('trmesh_gpu_memory_bytes', { gpu, of: 'used' }, value))
  told(memoryTotal, (value) => recorder.set('trmesh_gpu_memory_bytes', { gpu, of: 'total' }, value))
  told(power, (value) => recorder.set('trmesh_gpu_power_watts', { gpu, of: 'drawn' }, value))
  told(powerLimit, (value) => recorder.set('trmesh_gpu_power_watts', { gpu, of: 'limit' }, value))
  told(reading.temperature, (value) => recorder.set('trmesh_gpu_temperature_celsius', { gpu }, value))
  told(reading.smClock, (value) => recorder.set('trmesh_gpu_sm_clock_hertz', { gpu }, value))
}

/**
 * Looks at the worker's own card, or at all where it was given none, until closed. Where there is no nvidia-smi it looks once.
 */
export function watchGpus(own: number | undefined, tell: (reading: GpuReading) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const look = async (): Promise<void> => {
    const gpus = await readGpus()
    if (gpus === undefined || closed) return
    gpus.filter(({ index }) => own === undefined || index === own).forEach(tell)
    timer = setTimeout(() => void look(), LOOK_MS)
    timer.unref()
  }
  void look()
  return () => {
    closed = true
    clearTimeout(timer)
  }
}
