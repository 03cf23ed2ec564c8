// What a worker stands on: the bus, the compute thread, its metrics, the meters of its device. A test in virtual time gives it
// others.
import { connectBus } from '../shared/bus/bus.js'
import { startCompute } from './compute/client.js'
import { findEnergy } from './energy.js'
import { watchGpus } from './gpu-metrics.js'
import { WorkerMetrics, type WorkerMetricsOptions } from './metrics.js'

export interface WorkerGround {
  readonly connect: typeof connectBus
  readonly compute: typeof startCompute
  readonly metrics: (options: WorkerMetricsOptions) => Promise<Pick<WorkerMetrics, keyof WorkerMetrics>>
  readonly watchGpus: typeof watchGpus
  readonly findEnergy: typeof findEnergy
}

export const WORKER_GROUND: WorkerGround = {
  connect: connectBus,
  compute: startCompute,
  metrics: (options) => WorkerMetrics.serve(options),
  watchGpus,
  findEnergy,
}
