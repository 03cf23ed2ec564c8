// Dashboard Network: what goes over NATS, how fast gradients come together, what is lost on the way.
import { LEAD, RUN, WINDOW, WORKERS, type DashboardSpec } from './dashboard.js'
import { series, stat } from './panel.js'

const workersBytes = `trmesh_wire_bytes_total{${RUN},worker!=""}`
const gradientBytes = `trmesh_wire_bytes_total{${WORKERS},kind=~"parts|means"}`

export const NETWORK: DashboardSpec = {
  name: 'network',
  title: 'Network',
  about: 'Payload over NATS, all-reduce, and what arrived without being used.',
  panels: [
    stat({
      title: 'Workers, in and out',
      unit: 'Bps',
      size: { width: 6, height: 4 },
      about: 'Payload of all workers together.',
      queries: [[`sum(rate(${workersBytes}${WINDOW}))`, 'bytes/s']],
    }),
    stat({
      title: 'Per committed step',
      unit: 'bytes',
      size: { width: 6, height: 4 },
      about: 'Payload of all workers together, in and out, for one step.',
      queries: [
        [
          `sum(rate(${workersBytes}${WINDOW})) / scalar(rate(trmesh_steps_committed_total{${LEAD}}${WINDOW}))`,
          'bytes/step',
        ],
      ],
    }),
    stat({
      title: 'Reconnects',
      unit: 'none',
      size: { width: 6, height: 4 },
      about: 'Connections to NATS lost and found again, in the last hour, all processes.',
      limits: { warn: 1, bad: 5 },
      queries: [[`sum(increase(trmesh_bus_reconnects_total{${RUN}}[1h]))`, 'reconnects']],
    }),
    stat({
      title: 'Not used',
      unit: 'cps',
      size: { width: 6, height: 4 },
      about: 'Messages per second that arrived and were not used: stale, duplicate, damaged, garbage.',
      limits: { warn: 1, bad: 100 },
      queries: [[`sum(rate(trmesh_messages_dropped_total{${RUN}}${WINDOW}))`, 'dropped/s']],
    }),
    series({
      title: 'Payload of all workers, by kind',
      unit: 'Bps',
      stacked: true,
      about: 'parts and means are gradients, state is what joiners and checkpoints copy, messages is the rest.',
      queries: [[`sum by (direction, kind) (rate(${workersBytes}${WINDOW}))`, '{{kind}} {{direction}}']],
    }),
    series({
      title: 'Payload of the coordinator, by kind',
      unit: 'Bps',
      stacked: true,
      about: 'Examples and puzzle rows are messages; with the star topology all gradients pass here.',
      queries: [
        [`sum by (direction, kind) (rate(trmesh_wire_bytes_total{${LEAD}}${WINDOW}))`, '{{kind}} {{direction}}'],
      ],
    }),
    series({
      title: 'All-reduce rate per worker',
      unit: 'Bps',
      size: { width: 8, height: 8 },
      min: 0,
      about: 'Gradient bytes in and out, per second spent reducing (waiting for slower workers included).',
      queries: [
        [
          `sum by (worker) (rate(${gradientBytes}${WINDOW})) / sum by (worker) (rate(trmesh_allreduce_seconds_sum{${WORKERS}}${WINDOW}))`,
          '{{worker}}',
        ],
      ],
    }),
    series({
      title: 'Messages not used',
      unit: 'cps',
      bars: true,
      size: { width: 8, height: 8 },
      about:
        'A few stale ones around a replay are right; damaged ones never are. Asked again: nothing came for a second.',
      queries: [
        [`sum by (why) (rate(trmesh_messages_dropped_total{${RUN}}${WINDOW}))`, '{{why}}'],
        [`sum(rate(trmesh_asked_again_total{${RUN}}${WINDOW}))`, 'asked again'],
      ],
    }),
    series({
      title: 'Pauses of the I/O threads',
      unit: 's',
      size: { width: 8, height: 8 },
      min: 0,
      about: 'Longest pause between two heartbeats. NATS drops a client that does not read for seconds.',
      queries: [[`trmesh_io_pause_seconds{${WORKERS}}`, '{{worker}}']],
    }),
  ],
}
