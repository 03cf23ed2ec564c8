// The metrics of a comparison, so that the dashboard of baselines shows what was measured here above what others published. One
// series per row that has the figure; `trmesh_compared_info` says of each what it is, and whether it was measured or modelled.
import type { MetricSpec } from '../metric-spec.js'
import { ROW_NAMES } from './comparison.js'

const by = ['coordinator'] as const
const labels = { subject: ROW_NAMES } as const

export const COMPARISON_METRICS = {
  trmesh_compared_info: {
    kind: 'gauge',
    unit: 'none',
    help: 'Always 1; what was compared by trmesh baseline, on which device, measured or modelled',
    by,
    // Text, but each a function of the first: one series per row.
    labels: { subject: ROW_NAMES, model: 'text', kind: ['measured', 'modelled'], device: 'text', note: 'text' },
  },
  trmesh_compared_timestamp_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Unix time of the comparison',
    by,
    labels: {},
  },
  trmesh_compared_parameters: {
    kind: 'gauge',
    unit: 'count',
    help: 'Dense parameters of what was compared',
    by,
    labels,
  },
  trmesh_compared_samples_per_second: {
    kind: 'gauge',
    unit: 'none',
    help: 'Samples trained on per second: supervision steps of TRM, texts of a language model',
    by,
    labels,
  },
  trmesh_compared_train_tokens_per_second: {
    kind: 'gauge',
    unit: 'none',
    help: 'Tokens trained on per second; of TRM grid positions',
    by,
    labels,
  },
  trmesh_compared_tokens_per_second: {
    kind: 'gauge',
    unit: 'none',
    help: 'Tokens generated per second after the prompt, one answer at a time',
    by,
    labels,
  },
  trmesh_compared_answer_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Time to answer one test input of the mean length, prompt included',
    by,
    labels,
  },
  trmesh_compared_answer_joules: {
    kind: 'gauge',
    unit: 'none',
    help: 'Energy of one answer, where the device tells',
    by,
    labels,
  },
  trmesh_compared_memory_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Largest resident size of the worker while it trained and answered',
    by,
    labels,
  },
  trmesh_compared_task_cost: {
    kind: 'gauge',
    unit: 'none',
    help: 'Cost of answering an ARC task, in the unit of the price that was given',
    by,
    labels,
  },
} as const satisfies Record<string, MetricSpec>
