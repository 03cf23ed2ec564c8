// The metrics of the published baselines, so that a dashboard shows them beside a run. One series per baseline that prints the
// figure; `trmesh_baseline_info` says of each what it is, where it was read, and how well it is known.
import { baselinesWith } from '../baselines.js'
import type { MetricSpec } from '../metric-spec.js'
import { TEST_SETS } from './baseline.js'

const by = ['coordinator'] as const

export const BASELINE_METRICS = {
  trmesh_baseline_info: {
    kind: 'gauge',
    unit: 'none',
    help: 'Always 1; what a published baseline is, its source and grade (P primary text, S secondary, D derived)',
    by,
    // Text, but each a function of the first: one series per baseline.
    labels: { baseline: 'text', model: 'text', setup: 'text', hardware: 'text', source: 'text', grade: 'text' },
  },
  trmesh_baseline_tokens_per_second: {
    kind: 'gauge',
    unit: 'none',
    help: 'Published tokens per second and device; tokens of a language model are no grid positions',
    by,
    labels: { baseline: baselinesWith('tokensPerSecond') },
  },
  trmesh_baseline_samples_per_second: {
    kind: 'gauge',
    unit: 'none',
    help: 'Published samples per second',
    by,
    labels: { baseline: baselinesWith('samplesPerSecond') },
  },
  trmesh_baseline_memory_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Published peak memory',
    by,
    labels: { baseline: baselinesWith('memory') },
  },
  trmesh_baseline_training_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Published wall time of a training',
    by,
    labels: { baseline: baselinesWith('training') },
  },
  trmesh_baseline_parameters: {
    kind: 'gauge',
    unit: 'count',
    help: 'Published number of parameters',
    by,
    labels: { baseline: baselinesWith('parameters') },
  },
  trmesh_baseline_accuracy_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Published share of answers wholly right',
    by,
    labels: { baseline: baselinesWith('accuracy'), test: TEST_SETS },
  },
} as const satisfies Record<string, MetricSpec>
