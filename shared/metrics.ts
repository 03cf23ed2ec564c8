// The table of metrics: every name, what it means, its unit, who tells it, and the closed sets its labels come from. Names
// end with their unit. Only shared/observe/ turns it into Prometheus; dashboards are tested against it.
import { BASELINE_METRICS } from './baselines/metrics.js'
import { GPU_METRICS } from './gpu-metrics.js'
import { COMPARISON_METRICS } from './language/metrics.js'
import type { MetricSpec } from './metric-spec.js'
import { STEP_PHASES, WORKER_PHASES } from './protocol/messages.js'

export const DISCARD_REASONS = ['member-died', 'member-left', 'not-finite', 'stalled', 'bus-reconnected'] as const
export const DROP_REASONS = ['stale', 'duplicate', 'damaged', 'garbage'] as const
/** What bytes on the wire are: parts and means of gradients, ranges of state, everything else. */
export const WIRE_KINDS = ['parts', 'means', 'state', 'messages'] as const
export type WireKind = (typeof WIRE_KINDS)[number]
export const PASS_AT = ['1', '2', '5', '10', '100', '1000'] as const

const C = ['coordinator'] as const
const W = ['worker'] as const
const BOTH = ['coordinator', 'worker'] as const
const NONE = {} as const
const MILLISECONDS_TO_MINUTES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60] as const
const SECONDS_TO_HOURS = [0.1, 0.3, 1, 3, 10, 30, 60, 300, 1800, 7200] as const

export const METRICS = {
  trmesh_run_info: {
    kind: 'gauge',
    unit: 'none',
    help: 'Always 1; what is run here',
    by: BOTH,
    labels: { run: 'text', preset: 'text', backend: 'text', data: 'text' },
  },
  // --- run
  trmesh_step: { kind: 'gauge', unit: 'count', help: 'Last committed step', by: BOTH, labels: NONE },
  trmesh_steps_target: { kind: 'gauge', unit: 'count', help: 'Steps of the whole run', by: C, labels: NONE },
  trmesh_membership_epoch: { kind: 'gauge', unit: 'count', help: 'Membership epoch', by: C, labels: NONE },
  trmesh_steps_committed_total: { kind: 'counter', unit: 'count', help: 'Steps committed', by: BOTH, labels: NONE },
  trmesh_steps_discarded_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Steps discarded and replayed',
    by: C,
    labels: { why: DISCARD_REASONS },
  },
  trmesh_loss: {
    kind: 'gauge',
    unit: 'none',
    help: 'Loss of the last committed step, mean per slot',
    by: C,
    labels: { part: ['total', 'lm', 'q_halt', 'q_continue'] },
  },
  trmesh_cell_accuracy_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Right cells of the samples that halted in the last step with any',
    by: C,
    labels: NONE,
  },
  trmesh_exact_accuracy_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Samples wholly right, of those that halted in the last step with any',
    by: C,
    labels: NONE,
  },
  trmesh_q_halt_accuracy_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Samples whose halting logit told right from wrong, of those that halted',
    by: C,
    labels: NONE,
  },
  trmesh_halt_steps: {
    kind: 'gauge',
    unit: 'count',
    help: 'Supervision steps spent on a sample that halted, mean',
    by: C,
    labels: NONE,
  },
  trmesh_learning_rate: {
    kind: 'gauge',
    unit: 'none',
    help: 'Learning rate of the last step',
    by: C,
    labels: { group: ['dense', 'puzzle'] },
  },
  trmesh_gradient_norm: {
    kind: 'gauge',
    unit: 'none',
    help: 'L2 norm of the mean dense gradient of the last step',
    by: C,
    labels: NONE,
  },
  trmesh_ema_distance: {
    kind: 'gauge',
    unit: 'none',
    help: 'L2 distance of the weights from their average, alone and as a share of the norm of the weights; every tenth step',
    by: W,
    labels: { of: ['distance', 'share'] },
  },
  trmesh_samples_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Samples trained on, one per slot and committed step',
    by: BOTH,
    labels: NONE,
  },
  trmesh_tokens_total: { kind: 'counter', unit: 'count', help: 'Grid positions trained on', by: C, labels: NONE },
  trmesh_flops_total: {
    kind: 'counter',
    unit: 'flops',
    help: 'Floating-point operations of committed steps, modelled (spec 8.2)',
    by: C,
    labels: NONE,
  },
  trmesh_step_flops: {
    kind: 'gauge',
    unit: 'flops',
    help: 'Floating-point operations of one step over all slots, modelled (spec 8.2)',
    by: C,
    labels: NONE,
  },
  trmesh_matmul_peak_flops: {
    kind: 'gauge',
    unit: 'flops',
    help: 'Floating-point operations per second of one large matrix product, measured at the start of this worker',
    by: W,
    labels: NONE,
  },
  trmesh_goodput_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Time spent in steps that committed, of the time since the start of this process',
    by: C,
    labels: NONE,
  },
  trmesh_remaining_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Time to the last step at the present pace',
    by: C,
    labels: NONE,
  },
  // --- step anatomy
  trmesh_step_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Wall time of one phase of a committed step on this worker',
    by: W,
    labels: { phase: STEP_PHASES },
    buckets: MILLISECONDS_TO_MINUTES,
  },
  trmesh_commit_interval_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Wall time from one commit to the next',
    by: C,
    labels: NONE,
    buckets: MILLISECONDS_TO_MINUTES,
  },
  trmesh_commit_timestamp_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Unix time of the last commit; its age is time() minus this',
    by: C,
    labels: NONE,
  },
  trmesh_allreduce_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Wall time from the own gradient to the mean of all',
    by: W,
    labels: NONE,
    buckets: MILLISECONDS_TO_MINUTES,
  },
  // --- workers
  trmesh_workers: {
    kind: 'gauge',
    unit: 'count',
    help: 'Workers by what they are doing',
    by: C,
    labels: { phase: WORKER_PHASES },
  },
  trmesh_worker_phase: {
    kind: 'gauge',
    unit: 'none',
    help: '1 for what this worker is doing, else 0',
    by: W,
    labels: { phase: WORKER_PHASES },
  },
  trmesh_heartbeat_age_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Time since a worker was last heard',
    by: C,
    labels: { worker: 'text' },
  },
  trmesh_worker_slots: {
    kind: 'gauge',
    unit: 'count',
    help: 'Slots that a worker owns; 0 for one that stands by',
    by: C,
    labels: { worker: 'text' },
  },
  trmesh_worker_speed_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Score of a worker: its speed per slot, against the median of the team; 1 is typical, 0.5 half as fast',
    by: C,
    labels: { worker: 'text' },
  },
  trmesh_membership_changes_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Workers that came or went',
    by: C,
    labels: { why: ['joined', 'left', 'died'] },
  },
  trmesh_replica_mismatches_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Votes whose hashes differ; must be 0',
    by: C,
    labels: NONE,
  },
  trmesh_recovery_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Wall time from a discarded step to the next commit',
    by: C,
    labels: NONE,
    buckets: SECONDS_TO_HOURS,
  },
  // --- network
  trmesh_wire_bytes_total: {
    kind: 'counter',
    unit: 'bytes',
    help: 'Payload bytes over NATS',
    by: BOTH,
    labels: { direction: ['in', 'out'], kind: WIRE_KINDS },
  },
  trmesh_messages_dropped_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Messages that arrived and were not used',
    by: BOTH,
    labels: { why: DROP_REASONS },
  },
  trmesh_asked_again_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Times that something was asked for, or told, again, because nothing came for too long',
    by: BOTH,
    labels: {},
  },
  trmesh_bus_reconnects_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Connections to NATS lost and found again',
    by: BOTH,
    labels: NONE,
  },
  trmesh_io_pause_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Longest pause of the I/O event loop between the last two heartbeats',
    by: BOTH,
    labels: NONE,
  },
  // --- feed
  trmesh_feed_queue_examples: {
    kind: 'gauge',
    unit: 'count',
    help: 'Encoded examples ahead of need',
    by: BOTH,
    labels: NONE,
  },
  trmesh_feed_examples_total: { kind: 'counter', unit: 'count', help: 'Examples encoded', by: C, labels: NONE },
  trmesh_feed_starvation_seconds_total: {
    kind: 'counter',
    unit: 'seconds',
    help: 'Time a worker waited for examples; should be 0',
    by: W,
    labels: NONE,
  },
  // --- checkpoints
  trmesh_checkpoint_step: { kind: 'gauge', unit: 'count', help: 'Step of the last checkpoint', by: C, labels: NONE },
  trmesh_checkpoint_timestamp_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Unix time of the last checkpoint; its age is time() minus this',
    by: C,
    labels: NONE,
  },
  trmesh_checkpoint_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Wall time from snapshot to manifest',
    by: C,
    labels: NONE,
    buckets: SECONDS_TO_HOURS,
  },
  trmesh_checkpoint_bytes: { kind: 'gauge', unit: 'bytes', help: 'Size of the last checkpoint', by: C, labels: NONE },
  trmesh_checkpoints_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Checkpoints tried',
    by: C,
    labels: { outcome: ['written', 'failed'] },
  },
  // --- evaluation
  trmesh_evaluation_step: { kind: 'gauge', unit: 'count', help: 'Step of the last evaluation', by: C, labels: NONE },
  trmesh_evaluation_pass_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Test pairs solved within K votes in the last evaluation, mean over tasks (spec 5.2)',
    by: C,
    labels: { k: PASS_AT },
  },
  trmesh_evaluation_exact_ratio: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Predictions wholly right in the last evaluation, before voting',
    by: C,
    labels: NONE,
  },
  trmesh_evaluation_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Wall time of an evaluation',
    by: C,
    labels: NONE,
    buckets: SECONDS_TO_HOURS,
  },
  // --- memory
  trmesh_arena_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Memory shared by the two threads of this worker',
    by: W,
    labels: NONE,
  },
  trmesh_puzzle_rows: { kind: 'gauge', unit: 'count', help: 'Puzzle rows in memory', by: C, labels: NONE },
  trmesh_puzzle_table_bytes: { kind: 'gauge', unit: 'bytes', help: 'Memory of the puzzle rows', by: C, labels: NONE },
  trmesh_disk_free_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Room left where the checkpoints go',
    by: C,
    labels: NONE,
  },
  trmesh_disk_size_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Size of the file system that the checkpoints go to',
    by: C,
    labels: NONE,
  },
  ...GPU_METRICS,
  // --- baselines
  ...BASELINE_METRICS,
  ...COMPARISON_METRICS,
} as const satisfies Record<string, MetricSpec>

export type MetricName = keyof typeof METRICS

type NamesOf<Kind extends MetricSpec['kind']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never
}[MetricName]
export type CounterName = NamesOf<'counter'>
export type GaugeName = NamesOf<'gauge'>
export type HistogramName = NamesOf<'histogram'>

/** The labels of a metric, each with the values it may take. */
export type LabelsOf<Name extends MetricName> = {
  readonly [
    Label in keyof (typeof METRICS)[Name]['labels']
  ]: (typeof METRICS)[Name]['labels'][Label] extends readonly (infer Value)[] ? Value : string
}

/** Whoever keeps gauges, seen by those who tell them. */
export interface GaugeSetter {
  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void
}
