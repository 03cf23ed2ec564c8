// Dashboard Workers: who is there, what each is doing, who is slow.
import { WORKER_PHASES } from '../shared/protocol/messages.js'
import { LEAD, WINDOW, WORKERS, type DashboardSpec } from './dashboard.js'
import { series, stat, table, timeline } from './panel.js'

/** One number per worker that says its phase: the index into WORKER_PHASES. */
const phaseCode = `sum by (worker) (${WORKER_PHASES.map(
  (phase, index) => `trmesh_worker_phase{${WORKERS},phase="${phase}"} * ${index}`,
).join(' or ')})`

const COMPUTING = `${WORKERS},phase=~"forward|backward"`
const computing =
  `sum by (worker) (rate(trmesh_step_seconds_sum{${COMPUTING}}${WINDOW})) / ` +
  `sum by (worker) (rate(trmesh_samples_total{${WORKERS}}${WINDOW}))`

export const WORKERS_DASHBOARD: DashboardSpec = {
  name: 'workers',
  title: 'Workers',
  about: 'Who is there, what each is doing, who is slow, who was not heard of.',
  panels: [
    stat({
      title: 'Members',
      unit: 'none',
      size: { width: 6, height: 4 },
      about: 'Workers the coordinator counts, whatever they are doing.',
      queries: [[`sum(trmesh_workers{${LEAD}})`, 'members']],
    }),
    stat({
      title: 'Membership epoch',
      unit: 'none',
      size: { width: 6, height: 4 },
      about: 'Grows whenever members or their slots change, and whenever a step is replayed.',
      queries: [[`trmesh_membership_epoch{${LEAD}}`, 'epoch']],
    }),
    stat({
      title: 'Longest silence',
      unit: 's',
      size: { width: 6, height: 4 },
      about: 'Time since the quietest worker was last heard.',
      limits: { warn: 3, bad: 8 },
      queries: [[`max(trmesh_heartbeat_age_seconds{${WORKERS}})`, 'silence']],
    }),
    stat({
      title: 'Waiting for examples',
      unit: 'percentunit',
      size: { width: 6, height: 4 },
      about: 'Share of its time that the hungriest worker waits for data; should be 0.',
      limits: { warn: 0.01, bad: 0.1 },
      queries: [[`max(rate(trmesh_feed_starvation_seconds_total{${WORKERS}}${WINDOW}))`, 'starving']],
    }),
    timeline({
      title: 'What each worker is doing',
      about: 'As told by its heartbeats. Phases shorter than the scrape interval show only by chance.',
      size: { width: 24, height: 7 },
      states: WORKER_PHASES,
      queries: [[phaseCode, '{{worker}}']],
    }),
    series({
      title: 'Computing time per sample, against the median',
      unit: 'none',
      size: { width: 8, height: 8 },
      about: 'Forward and backward per sample, divided by the median worker: 2 is twice as slow as most.',
      queries: [[`(${computing}) / scalar(quantile(0.5, ${computing}))`, '{{worker}}']],
    }),
    series({
      title: 'Since last heard',
      unit: 's',
      size: { width: 8, height: 8 },
      min: 0,
      about: 'Age of the last heartbeat, as the coordinator sees it.',
      queries: [[`trmesh_heartbeat_age_seconds{${WORKERS}}`, '{{worker}}']],
    }),
    series({
      title: 'Coming and going',
      unit: 'none',
      bars: true,
      size: { width: 8, height: 8 },
      about: 'Workers that joined, left, died or were refused.',
      queries: [[`sum by (why) (increase(trmesh_membership_changes_total{${LEAD}}${WINDOW}))`, '{{why}}']],
    }),
    series({
      title: 'Slots of each worker',
      unit: 'none',
      size: { width: 12, height: 8 },
      min: 0,
      about: 'They follow the measured speed; 0 stands by.',
      queries: [[`trmesh_worker_slots{${WORKERS}}`, '{{worker}}']],
    }),
    series({
      title: 'Speed per slot, against the team',
      unit: 'none',
      size: { width: 12, height: 8 },
      min: 0,
      about: 'The score by which slots are shared out: 1 is the median of the team, 0.5 half as fast.',
      queries: [[`trmesh_worker_speed_ratio{${WORKERS}}`, '{{worker}}']],
    }),
    table({
      title: 'Workers',
      about: 'The newest numbers of each.',
      size: { width: 24, height: 6 },
      labels: { worker: 'Worker' },
      values: [
        { title: 'Step', unit: 'none', expr: `max by (worker) (trmesh_step{${WORKERS}})` },
        { title: 'Slots', unit: 'none', expr: `max by (worker) (trmesh_worker_slots{${WORKERS}})` },
        { title: 'Speed', unit: 'none', expr: `max by (worker) (trmesh_worker_speed_ratio{${WORKERS}})` },
        { title: 'Samples/s', unit: 'short', expr: `sum by (worker) (rate(trmesh_samples_total{${WORKERS}}[1m]))` },
        { title: 'Computing per sample', unit: 's', expr: computing.replaceAll(WINDOW, '[1m]') },
        { title: 'Peak FLOP/s', unit: 'flops', expr: `max by (worker) (trmesh_matmul_peak_flops{${WORKERS}})` },
        { title: 'Resident', unit: 'bytes', expr: `max by (worker) (process_resident_memory_bytes{${WORKERS}})` },
        { title: 'I/O pause', unit: 's', expr: `max by (worker) (trmesh_io_pause_seconds{${WORKERS}})` },
        { title: 'Examples queued', unit: 'none', expr: `max by (worker) (trmesh_feed_queue_examples{${WORKERS}})` },
      ],
    }),
  ],
}
