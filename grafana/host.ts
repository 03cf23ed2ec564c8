// Dashboard Host: the processes as the operating system and Node see them.
import { LEAD, RUN, WINDOW, WORKERS, type DashboardSpec } from './dashboard.js'
import { series } from './panel.js'

const third = { width: 8, height: 7 } as const
const who = '{{worker}} {{instance}}'

export const HOST: DashboardSpec = {
  name: 'host',
  title: 'Host',
  about: 'Processor, memory and event loop of every process; the coordinator is the one without a worker name.',
  panels: [
    series({
      title: 'Processor',
      unit: 'none',
      size: third,
      min: 0,
      about: 'Cores in use, user and system.',
      queries: [[`rate(process_cpu_seconds_total{${RUN}}${WINDOW})`, who]],
    }),
    series({
      title: 'Resident memory',
      unit: 'bytes',
      size: third,
      min: 0,
      about: 'What the operating system counts for the process, libraries and tensors included.',
      queries: [[`process_resident_memory_bytes{${RUN}}`, who]],
    }),
    series({
      title: 'External memory',
      unit: 'bytes',
      size: third,
      min: 0,
      about:
        'Buffers outside of the JavaScript heap: gradients and messages. Tensors of native engines are in neither.',
      queries: [[`nodejs_external_memory_bytes{${RUN}}`, who]],
    }),
    series({
      title: 'JavaScript heap',
      unit: 'bytes',
      size: third,
      min: 0,
      about: 'Used heap of the thread that serves the metrics.',
      queries: [[`nodejs_heap_size_used_bytes{${RUN}}`, who]],
    }),
    series({
      title: 'Event-loop lag, 99 %',
      unit: 's',
      size: third,
      min: 0,
      about: 'Of the thread that serves NATS, since the last scrape. Above 1 s messages are in danger.',
      queries: [[`nodejs_eventloop_lag_p99_seconds{${RUN}}`, who]],
    }),
    series({
      title: 'Garbage collection',
      unit: 'percentunit',
      size: third,
      min: 0,
      about: 'Share of the time spent collecting.',
      queries: [[`sum by (worker, instance) (rate(nodejs_gc_duration_seconds_sum{${RUN}}${WINDOW}))`, who]],
    }),
    series({
      title: 'Memory shared by the threads of a worker',
      unit: 'bytes',
      size: third,
      min: 0,
      about: 'Weights, their average, both moments, gradient, mean gradient, and the puzzle rows of the step.',
      queries: [[`trmesh_arena_bytes{${WORKERS}}`, '{{worker}}']],
    }),
    series({
      title: 'Puzzle table',
      unit: 'bytes',
      size: third,
      min: 0,
      about: "The coordinator's rows of the puzzle embedding, their index, and copies kept for snapshots.",
      queries: [[`trmesh_puzzle_table_bytes{${LEAD}}`, 'bytes']],
    }),
    series({
      title: 'Examples ahead of need',
      unit: 'none',
      size: third,
      min: 0,
      about: 'In the queues of the workers, and asked for but not encoded yet at the coordinator.',
      queries: [[`trmesh_feed_queue_examples{${RUN}}`, who]],
    }),
    series({
      title: 'Examples encoded',
      unit: 'short',
      size: third,
      min: 0,
      about: 'Per second, by the threads of the coordinator.',
      queries: [[`rate(trmesh_feed_examples_total{${LEAD}}${WINDOW})`, 'examples/s']],
    }),
    series({
      title: 'Open files',
      unit: 'none',
      size: third,
      min: 0,
      about: 'Descriptors; one that only grows is a leak.',
      queries: [[`process_open_fds{${RUN}}`, who]],
    }),
    series({
      title: 'Waiting for examples',
      unit: 'percentunit',
      size: third,
      min: 0,
      about: 'Share of its time that a worker waits for data; should be 0.',
      queries: [[`rate(trmesh_feed_starvation_seconds_total{${WORKERS}}${WINDOW})`, '{{worker}}']],
    }),
  ],
}
