// Alert rules: when somebody must look, and what to do then. One list, from which the rule file of Prometheus and the
// provisioning of Grafana are generated. An alert fires when `expr` has been above `above` for `lasting`.

export interface Alert {
  /** CamelCase; with the run it names the alert. */
  readonly name: string
  readonly expr: string
  readonly above: number
  /** As Prometheus writes durations. */
  readonly lasting: string
  readonly severity: 'critical' | 'warning'
  /** One line; `{{ $labels.run }}` and the like are replaced. */
  readonly summary: string
  /** What it means, what to look at, what to do. */
  readonly runbook: string
  /** Name of the dashboard to look at. */
  readonly dashboard: string
}

export const ALERTS: readonly Alert[] = [
  {
    name: 'NoCommittedStep',
    // A median below 6 s counts as 6 s: scrapes and clocks are not finer. While workers evaluate, no step is due.
    expr:
      '(time() - trmesh_commit_timestamp_seconds)' +
      ' / on (run) clamp_min(histogram_quantile(0.5, sum by (run, le) (trmesh_commit_interval_seconds_bucket)), 6)' +
      ' unless on (run) sum by (run) (trmesh_workers{phase="evaluating"}) > 0',
    above: 5,
    lasting: '15s',
    severity: 'critical',
    summary: 'run {{ $labels.run }} has committed nothing for {{ $value | printf "%.0f" }} median steps',
    runbook: `The time since the last commit is more than five times the median step (at least 30 s).
Look at Workers: is anybody in reducing or voting for long (network, a slow worker), or all in waiting-for-data (data, disk)?
Look at the coordinator's last lines: it says what it waits for. Fewer workers than cluster.minWorkers: start one.
NATS gone: start it again, everybody reconnects. Nothing committed is lost; if in doubt stop and start the coordinator, it resumes.`,
    dashboard: 'workers',
  },
  {
    name: 'CoordinatorDown',
    expr: '1 - up{role="coordinator"}',
    above: 0,
    lasting: '30s',
    severity: 'critical',
    summary: 'the coordinator of run {{ $labels.run }} does not answer',
    runbook: `Its metrics cannot be scraped though it has not ended in order (then it would be off the list of targets).
See whether the process lives. Exit status 8 is a halt: replicas differed or numbers were not finite, its last line says which.
Start it again with the same settings: it resumes from the last checkpoint and the workers come back by themselves.`,
    dashboard: 'faults',
  },
  {
    name: 'WorkerDown',
    expr: '1 - up{role="worker"}',
    above: 0,
    lasting: '30s',
    severity: 'warning',
    summary: 'worker {{ $labels.worker }} of run {{ $labels.run }} does not answer scrapes',
    runbook: `The run still counts it as a member, but its metrics cannot be read: wrong address or firewall (metrics.host 0.0.0.0
lets other machines in), or a process that hangs. If its heartbeats stop too, the run goes on without it and it leaves the list.`,
    dashboard: 'workers',
  },
  {
    name: 'WorkersMissing',
    expr:
      'max_over_time(sum by (run) (trmesh_workers)[30m:15s]) - on (run) sum by (run) (trmesh_workers)' +
      ' unless on (run) max by (run) (trmesh_step) >= on (run) max by (run) (trmesh_steps_target)',
    above: 0,
    lasting: '1m',
    severity: 'warning',
    summary: 'run {{ $labels.run }} has {{ $value }} workers fewer than within the last half hour',
    runbook: `Workers died or left and did not come back. The run goes on with those that are there, slower, with the same results.
See Faults and recovery for when, and the log of the machine for why (out of memory, driver, preemption). Start others any time.`,
    dashboard: 'workers',
  },
  {
    name: 'LossNotFinite',
    expr: 'count by (run) (trmesh_loss != trmesh_loss or abs(trmesh_loss) == Inf)',
    above: 0,
    lasting: '0s',
    severity: 'critical',
    summary: 'the loss of run {{ $labels.run }} is not a finite number',
    runbook: `A committed step had a loss that is NaN or infinite. Gradients that are not finite are discarded, so the weights may
still be sound, but do not count on it. Stop, resume from the checkpoint before it with a lower train.lr, or f32 where bf16 was.`,
    dashboard: 'run',
  },
  {
    name: 'GradientNotFinite',
    expr: 'increase(trmesh_steps_discarded_total{why="not-finite"}[5m])',
    above: 0,
    lasting: '0s',
    severity: 'warning',
    summary: 'run {{ $labels.run }} discarded steps whose gradient was not finite',
    runbook: `Such a step changes nothing and is replayed; at the third in a row the run halts (exit status 8).
If it recurs: lower train.lr, lengthen train.warmupSteps, or resume from an earlier checkpoint.`,
    dashboard: 'faults',
  },
  {
    name: 'LossSpiking',
    expr: 'avg_over_time(trmesh_loss{part="total"}[2m]) / quantile_over_time(0.5, trmesh_loss{part="total"}[1h])',
    above: 2,
    lasting: '2m',
    severity: 'warning',
    summary: 'the loss of run {{ $labels.run }} is {{ $value | printf "%.1f" }} times its median of the last hour',
    runbook: `The mean of two minutes is more than twice the median of the hour. Short spikes heal by themselves.
If it stays: see Run for learning rate and accuracy, compare with earlier runs, resume from a checkpoint before it with a lower train.lr.`,
    dashboard: 'run',
  },
  {
    name: 'ReplicaMismatch',
    expr: 'trmesh_replica_mismatches_total',
    above: 0,
    lasting: '0s',
    severity: 'critical',
    summary: 'replicas of run {{ $labels.run }} differ',
    runbook: `Workers that must hold the same bits do not. The coordinator stops the run at once, stays until this was scraped three
times (a minute at most), ends with exit status 8 (CoordinatorDown follows) and names the workers and hashes. Suspect: different versions or engines among workers, bad memory, overclocking.
Bring all to one version and one backend, leave out the machine that differs from the others, resume from the last checkpoint.`,
    dashboard: 'faults',
  },
  {
    name: 'CheckpointTooOld',
    expr: 'time() - (trmesh_checkpoint_timestamp_seconds or on (run) process_start_time_seconds{role="coordinator"})',
    above: 3600,
    lasting: '1m',
    severity: 'warning',
    summary: 'run {{ $labels.run }} has saved nothing for {{ $value | humanizeDuration }}',
    runbook: `More than an hour of work would be lost if everything stopped now. See Checkpoints: failed ones (disk full, rights: the
coordinator's line says which file), or checkpoint.everySteps too large for this pace. Ctrl-C at the coordinator saves and stops.`,
    dashboard: 'checkpoints',
  },
  {
    name: 'CheckpointFailed',
    expr: 'increase(trmesh_checkpoints_total{outcome="failed"}[15m])',
    above: 0,
    lasting: '0s',
    severity: 'warning',
    summary: 'run {{ $labels.run }} could not write a checkpoint',
    runbook: `Training goes on and the next checkpoint is tried. The coordinator's line names the file and the reason, mostly a full
disk: free space, or lower checkpoint.keepLast.`,
    dashboard: 'checkpoints',
  },
  {
    name: 'EventLoopPause',
    expr: 'max by (run, worker) (trmesh_io_pause_seconds or nodejs_eventloop_lag_p99_seconds)',
    above: 1,
    lasting: '30s',
    severity: 'warning',
    summary:
      'the I/O thread of {{ $labels.worker }} in run {{ $labels.run }} pauses for {{ $value | humanizeDuration }}',
    runbook: `The thread that serves NATS stands still for more than a second; at ten seconds the server cuts it off and messages are
lost (they are asked for again). The machine is overloaded or swaps: fewer compute threads per worker (--threads), fewer workers on it.`,
    dashboard: 'network',
  },
  {
    name: 'Starvation',
    expr: 'rate(trmesh_feed_starvation_seconds_total[2m])',
    above: 0.1,
    lasting: '2m',
    severity: 'warning',
    summary:
      'worker {{ $labels.worker }} of run {{ $labels.run }} waits {{ $value | humanizePercentage }} of its time for examples',
    runbook: `The coordinator does not encode or deliver fast enough. See GPU and host: is its processor full? Give it cores of its own, or a
machine near the workers; see Network for the bytes of messages.`,
    dashboard: 'host',
  },
  {
    name: 'MemoryGrowth',
    expr:
      'predict_linear(process_resident_memory_bytes[1h], 21600) / process_resident_memory_bytes' +
      ' and time() - process_start_time_seconds > 7200',
    above: 1.5,
    lasting: '30m',
    severity: 'warning',
    summary:
      'memory of {{ $labels.instance }} ({{ $labels.worker }}) grows: {{ $value | printf "%.1f" }} times as much in six hours',
    runbook: `Resident memory rises steadily two hours after the start. At the coordinator the puzzle table grows until every row was
seen once: compare GPU and host, Puzzle table. Elsewhere it is a leak: a worker may be restarted any time, the run goes on without it meanwhile.`,
    dashboard: 'host',
  },
  {
    name: 'Straggler',
    // Of a step: slots, by the speed of one. Whoever stands by owns none.
    expr:
      '(trmesh_worker_slots / (trmesh_worker_speed_ratio > 0))' +
      ' / on (run) group_left min by (run) ((trmesh_worker_slots > 0) / (trmesh_worker_speed_ratio > 0))',
    above: 2,
    lasting: '10m',
    severity: 'warning',
    summary:
      'worker {{ $labels.worker }} of run {{ $labels.run }} computes {{ $value | printf "%.1f" }} times as long as the first to be done',
    runbook: `For ten minutes everybody has waited at every step for this worker, which has more slots than its speed allows.
Look at Workers, slots and speed (npx trmesh top shows both): is it slower than it was (another program, heat, power), or always?
Start the coordinator again with --cluster.balance speed: slots then follow speed, and who is far too slow stands by.
With it already set this means one slot, or group, is still too much, and cluster.minWorkers keeps the worker in: lower it or stop the worker.`,
    dashboard: 'workers',
  },
  {
    name: 'StepsDiscarded',
    expr: 'sum by (run) (increase(trmesh_steps_discarded_total[10m]))',
    above: 10,
    lasting: '1m',
    severity: 'warning',
    summary: 'run {{ $labels.run }} discarded {{ $value | printf "%.0f" }} steps within ten minutes',
    runbook: `Every discarded step is replayed, so results do not change, but time is lost. See Faults and recovery for the reasons:
member-died (machines that come and go), stalled or bus-reconnected (network, NATS overloaded), not-finite (numbers).`,
    dashboard: 'faults',
  },
  {
    name: 'BusReconnecting',
    expr: 'sum by (run, worker) (increase(trmesh_bus_reconnects_total[10m]))',
    above: 3,
    lasting: '0s',
    severity: 'warning',
    summary:
      '{{ $labels.worker }} of run {{ $labels.run }} lost NATS {{ $value | printf "%.0f" }} times within ten minutes',
    runbook: `Mostly a slow consumer: the server cut a client that did not read in time (its log says so), or an unstable network.
See Network for pauses; raise write_deadline and max_pending of the server, or lower reduce.inFlightBytes.`,
    dashboard: 'network',
  },
  {
    name: 'SlowConsumer',
    expr: 'increase(gnatsd_varz_slow_consumers[10m])',
    above: 0,
    lasting: '0s',
    severity: 'warning',
    summary:
      'the NATS server {{ $labels.server_id }} cut off {{ $value | printf "%.0f" }} clients that did not read in time',
    runbook: `Told by prometheus-nats-exporter where it is scraped; without it BusReconnecting shows the same from the client's side.
A client that does not read for the server's write_deadline (30 s in deploy/nats/limits.conf) is cut off, and what was under way to it is lost and asked for again.
See Network for pauses and who reconnects: its machine is overloaded or swaps, or the network to it is too narrow. Raise write_deadline.`,
    dashboard: 'network',
  },
  {
    name: 'DiskAlmostFull',
    expr: '4 * trmesh_checkpoint_bytes / on (run) trmesh_disk_free_bytes',
    above: 1,
    lasting: '1m',
    severity: 'warning',
    summary: 'run {{ $labels.run }} has room for fewer than four more checkpoints where it saves',
    runbook: `A checkpoint is written beside the older ones before those that are not kept are removed, so it needs room of its own. When
the disk is full checkpoints fail, training goes on, and what was done since the last whole one is at risk. Free space, lower
checkpoint.keepLast and checkpoint.keepBest, or stop the run, move its folder and name the new place with run.dir.`,
    dashboard: 'checkpoints',
  },
]
