// The cards of a worker's machine as metrics, as nvidia-smi tells them; a value that a card does not have is absent.
import type { MetricSpec } from './metric-spec.js'

const by = ['worker'] as const

export const GPU_METRICS = {
  trmesh_gpu_info: {
    kind: 'gauge',
    unit: 'none',
    help: 'Always 1; a card of this machine that the worker may use',
    by,
    labels: { gpu: 'text', uuid: 'text', model: 'text' },
  },
  trmesh_gpu_utilisation_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Time in which any kernel ran, or memory was read or written; says little about how well it ran',
    by,
    labels: { gpu: 'text', of: ['kernels', 'memory'] },
  },
  trmesh_gpu_memory_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Memory of the card, used by all processes and in total',
    by,
    labels: { gpu: 'text', of: ['used', 'total'] },
  },
  trmesh_gpu_power_watts: {
    kind: 'gauge',
    unit: 'none',
    help: 'Power drawn by the card, and its limit',
    by,
    labels: { gpu: 'text', of: ['drawn', 'limit'] },
  },
  trmesh_gpu_temperature_celsius: {
    kind: 'gauge',
    unit: 'none',
    help: 'Temperature of the card',
    by,
    labels: { gpu: 'text' },
  },
  trmesh_gpu_sm_clock_hertz: {
    kind: 'gauge',
    unit: 'none',
    help: 'Clock of its processors',
    by,
    labels: { gpu: 'text' },
  },
} as const satisfies Record<string, MetricSpec>
