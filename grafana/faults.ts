// Dashboard Faults and recovery: what was discarded and why, how long it took to go on, whether replicas agree.
import { LEAD, RUN, WINDOW, type DashboardSpec } from './dashboard.js'
import { series, stat } from './panel.js'

const recovery = (q: number): string =>
  `histogram_quantile(${q}, sum by (le) (increase(trmesh_recovery_seconds_bucket{${LEAD}}[1h])))`

export const FAULTS: DashboardSpec = {
  name: 'faults',
  title: 'Faults and recovery',
  about: 'What was discarded and why, how long it took to go on, whether replicas agree.',
  panels: [
    stat({
      title: 'Replica mismatches',
      unit: 'none',
      size: { width: 6, height: 4 },
      about: 'Votes whose hashes differ. Must be 0: the coordinator stops the run at the first one.',
      limits: { bad: 1 },
      queries: [[`trmesh_replica_mismatches_total{${LEAD}}`, 'mismatches']],
    }),
    stat({
      title: 'Steps discarded',
      unit: 'none',
      size: { width: 6, height: 4 },
      about: 'Since the coordinator started; every one was replayed from the same examples.',
      queries: [[`sum(trmesh_steps_discarded_total{${LEAD}})`, 'discarded']],
    }),
    stat({
      title: 'Workers lost',
      unit: 'none',
      size: { width: 6, height: 4 },
      about: 'Since the coordinator started.',
      queries: [[`trmesh_membership_changes_total{${LEAD},why="died"}`, 'lost']],
    }),
    stat({
      title: 'Goodput',
      unit: 'percentunit',
      size: { width: 6, height: 4 },
      about: 'Time spent in steps that committed, of the time since the coordinator started.',
      queries: [[`trmesh_goodput_ratio{${LEAD}}`, 'goodput']],
    }),
    series({
      title: 'Steps discarded, by reason',
      unit: 'none',
      bars: true,
      about: 'member-died and member-left follow the workers; not-finite is the numbers; stalled is lost messages.',
      queries: [[`sum by (why) (increase(trmesh_steps_discarded_total{${LEAD}}${WINDOW}))`, '{{why}}']],
    }),
    series({
      title: 'From discard to the next commit',
      unit: 's',
      about:
        'Over the last hour; empty while nothing was discarded. Finding a silent worker comes before and takes cluster.deadAfterMs.',
      queries: [
        [recovery(0.5), 'half'],
        [recovery(0.95), '95 %'],
      ],
    }),
    series({
      title: 'Last commit',
      unit: 's',
      size: { width: 8, height: 8 },
      min: 0,
      about: 'Time since the last committed step. Evaluations count too.',
      queries: [[`time() - trmesh_commit_timestamp_seconds{${LEAD}}`, 'age']],
    }),
    series({
      title: 'Membership epoch',
      unit: 'none',
      size: { width: 8, height: 8 },
      about: 'Steps up at every change and every replay.',
      queries: [[`trmesh_membership_epoch{${LEAD}}`, 'epoch']],
    }),
    series({
      title: 'Reconnects to NATS',
      unit: 'none',
      bars: true,
      size: { width: 8, height: 8 },
      about: 'By process; the coordinator has no worker name.',
      queries: [[`sum by (worker) (increase(trmesh_bus_reconnects_total{${RUN}}${WINDOW}))`, '{{worker}}']],
    }),
  ],
}
