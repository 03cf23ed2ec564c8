// What `trmesh top` shows: two readings of a run's processes as lines of text. Pure; what is not known yet is a dash.
import type { CounterName, GaugeName } from '../../shared/metrics.js'
import { STEP_PHASES, WORKER_PHASES } from '../../shared/protocol/messages.js'
import { rate, type Exposition } from './exposition.js'

export interface Reading {
  readonly now: Exposition
  readonly before: Exposition | undefined
}

export interface WatchedWorker {
  readonly label: string
  /** undefined: it does not answer. */
  readonly reading: Reading | undefined
}

export interface Watched {
  readonly run: string
  readonly coordinator: Reading
  readonly workers: readonly WatchedWorker[]
  /** Unix time, seconds. */
  readonly time: number
}

const NONE = '–'

/** 1234567 as `1.23 M`: three digits and a prefix. */
export function short(value: number | undefined, unit = ''): string {
  if (value === undefined || !Number.isFinite(value)) return NONE
  const size = Math.abs(value)
  const [scale, prefix] =
    size >= 1e12
      ? [1e12, 'T']
      : size >= 1e9
        ? [1e9, 'G']
        : size >= 1e6
          ? [1e6, 'M']
          : size >= 1e4
            ? [1e3, 'k']
            : [1, '']
  const scaled = value / scale
  const digits =
    scale === 1 && Number.isInteger(value) ? 0 : Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2
  return `${scaled.toFixed(digits)}${prefix === '' && unit === '' ? '' : ` ${prefix}${unit}`}`
}

export const percent = (ratio: number | undefined): string =>
  ratio === undefined || !Number.isFinite(ratio) ? NONE : `${(ratio * 100).toFixed(1)} %`

/** 3661 as `1:01:01`. */
export function clock(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return NONE
  const whole = Math.max(0, Math.round(seconds))
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
}

export function view({ run, coordinator, workers, time }: Watched): string[] {
  const { now, before } = coordinator
  const gauge = (name: GaugeName, labels = {}): number | undefined => now.sum(name, labels)
  const count = (name: CounterName, labels = {}): number | undefined => now.sum(name, labels)
  const perSecond = (name: CounterName): number | undefined => rate(name, now, before)
  const step = gauge('trmesh_step')
  const target = gauge('trmesh_steps_target')
  const saved = gauge('trmesh_checkpoint_timestamp_seconds')
  const checkpoint =
    saved === undefined
      ? 'none yet'
      : `step ${short(gauge('trmesh_checkpoint_step'))}, ${clock(time - saved)} ago, ${short(gauge('trmesh_checkpoint_bytes'), 'B')}`
  const evaluated = gauge('trmesh_evaluation_step')
  const score =
    evaluated === undefined
      ? 'none yet'
      : `pass@2 ${percent(gauge('trmesh_evaluation_pass_ratio', { k: '2' }))}, exact ${percent(gauge('trmesh_evaluation_exact_ratio'))}, at step ${evaluated}`
  return [
    `run ${run}   step ${step ?? NONE} of ${target ?? NONE} (${percent(divided(step, target))})   left ${clock(gauge('trmesh_remaining_seconds'))}   ` +
      `goodput ${percent(gauge('trmesh_goodput_ratio'))}   workers ${gauge('trmesh_workers') ?? NONE}`,
    `loss        ${short(gauge('trmesh_loss', { part: 'total' }))}   exact ${percent(gauge('trmesh_exact_accuracy_ratio'))}   ` +
      `cells ${percent(gauge('trmesh_cell_accuracy_ratio'))}   halts after ${short(gauge('trmesh_halt_steps'))} steps`,
    `pace        ${short(perSecond('trmesh_samples_total'))} samples/s   ${short(perSecond('trmesh_tokens_total'))} positions/s   ` +
      `${short(perSecond('trmesh_flops_total'), 'FLOP/s')} (modelled)`,
    `checkpoint  ${checkpoint}`,
    `evaluation  ${score}`,
    `faults      discarded ${count('trmesh_steps_discarded_total') ?? NONE}   ` +
      `workers lost ${count('trmesh_membership_changes_total', { why: 'died' }) ?? NONE}   ` +
      `replica mismatches ${count('trmesh_replica_mismatches_total') ?? NONE}   failed checkpoints ${count('trmesh_checkpoints_total', { outcome: 'failed' }) ?? NONE}`,
    '',
    ...columns([HEADINGS, ...workers.map((worker) => rowOf(worker, now))]),
  ]
}

const divided = (part: number | undefined, whole: number | undefined): number | undefined =>
  part === undefined || whole === undefined ? undefined : part / whole

const PHASES = STEP_PHASES.filter((phase) => ['forward', 'backward', 'reduce'].includes(phase))
const HEADINGS = [
  'worker',
  'doing',
  'slots',
  'speed',
  'samples/s',
  ...PHASES,
  'in',
  'out',
  'resident',
  'pause',
  'starving',
]

/** @param lead what the coordinator says of it: the slots it owns, and its score, 1 for the median of the team */
function rowOf({ label, reading }: WatchedWorker, lead: Exposition): string[] {
  const shares = [
    short(lead.sum('trmesh_worker_slots', { worker: label })),
    short(lead.sum('trmesh_worker_speed_ratio', { worker: label })),
  ]
  if (reading === undefined) return [label, 'no answer', ...shares, ...HEADINGS.slice(4).map(() => NONE)]
  const { now, before } = reading
  const bytes = (direction: 'in' | 'out'): string =>
    short(rate('trmesh_wire_bytes_total', now, before, { direction }), 'B/s')
  const phaseTime = (phase: string): string => {
    const seconds = rate('trmesh_step_seconds_sum', now, before, { phase })
    const steps = rate('trmesh_step_seconds_count', now, before, { phase })
    return seconds === undefined || steps === undefined || steps === 0 ? NONE : `${short((1000 * seconds) / steps)} ms`
  }
  return [
    label,
    WORKER_PHASES.find((phase) => now.sum('trmesh_worker_phase', { phase }) === 1) ?? NONE,
    ...shares,
    short(rate('trmesh_samples_total', now, before)),
    ...PHASES.map(phaseTime),
    bytes('in'),
    bytes('out'),
    short(now.sum('process_resident_memory_bytes'), 'B'),
    `${short((now.sum('trmesh_io_pause_seconds') ?? NaN) * 1000)} ms`,
    percent(rate('trmesh_feed_starvation_seconds_total', now, before)),
  ]
}

/** Rows as columns of equal width: the first two to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADINGS.map((_heading, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
