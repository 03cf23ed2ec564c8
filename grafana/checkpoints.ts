// Dashboard Checkpoints: how much would be lost now, what saving costs.
import { LEAD, WINDOW, type DashboardSpec } from './dashboard.js'
import { series, stat } from './panel.js'

export const CHECKPOINTS: DashboardSpec = {
  name: 'checkpoints',
  title: 'Checkpoints',
  about: 'How much would be lost now, and what saving costs.',
  panels: [
    stat({
      title: 'Last checkpoint',
      unit: 'none',
      size: { width: 5, height: 4 },
      about: 'Its step.',
      queries: [[`trmesh_checkpoint_step{${LEAD}}`, 'step']],
    }),
    stat({
      title: 'Age',
      unit: 's',
      size: { width: 5, height: 4 },
      about: 'What a crash of everything would cost at most.',
      limits: { warn: 1800, bad: 3600 },
      queries: [[`time() - trmesh_checkpoint_timestamp_seconds{${LEAD}}`, 'age']],
    }),
    stat({
      title: 'Steps since',
      unit: 'none',
      size: { width: 4, height: 4 },
      about: 'Committed after the last checkpoint.',
      queries: [[`trmesh_step{${LEAD}} - trmesh_checkpoint_step{${LEAD}}`, 'steps']],
    }),
    stat({
      title: 'Size',
      unit: 'bytes',
      size: { width: 5, height: 4 },
      about: 'Of the last checkpoint.',
      queries: [[`trmesh_checkpoint_bytes{${LEAD}}`, 'bytes']],
    }),
    stat({
      title: 'Failed',
      unit: 'none',
      size: { width: 5, height: 4 },
      about: 'Since the coordinator started. Training goes on; the next one is tried.',
      limits: { bad: 1 },
      queries: [[`trmesh_checkpoints_total{${LEAD},outcome="failed"}`, 'failed']],
    }),
    series({
      title: 'Age over time',
      unit: 's',
      min: 0,
      about: 'A saw: rises until a checkpoint is whole.',
      queries: [[`time() - trmesh_checkpoint_timestamp_seconds{${LEAD}}`, 'age']],
    }),
    series({
      title: 'Time to save',
      unit: 's',
      min: 0,
      about: 'Mean from snapshot to manifest over the last hour. Training goes on meanwhile.',
      queries: [
        [
          `increase(trmesh_checkpoint_seconds_sum{${LEAD}}[1h]) / increase(trmesh_checkpoint_seconds_count{${LEAD}}[1h])`,
          'mean',
        ],
      ],
    }),
    series({
      title: 'Written and failed',
      unit: 'none',
      bars: true,
      about: 'Checkpoints tried.',
      queries: [[`sum by (outcome) (increase(trmesh_checkpoints_total{${LEAD}}${WINDOW}))`, '{{outcome}}']],
    }),
    series({
      title: 'Size over time',
      unit: 'bytes',
      min: 0,
      about: 'Grows with the puzzle rows that were touched.',
      queries: [[`trmesh_checkpoint_bytes{${LEAD}}`, 'bytes']],
    }),
  ],
}
