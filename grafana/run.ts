// Dashboard Run: does it learn, how fast, how long still.
import { LEAD, RUN, WINDOW, type DashboardSpec } from './dashboard.js'
import { series, stat, table } from './panel.js'

export const RUN_DASHBOARD: DashboardSpec = {
  name: 'run',
  title: 'Run',
  about: 'Whether the run learns, how fast, and how long it will still take.',
  panels: [
    stat({
      title: 'Step',
      unit: 'none',
      about: 'Last committed step.',
      queries: [[`max(trmesh_step{${LEAD}})`, 'step']],
    }),
    stat({
      title: 'Progress',
      unit: 'percentunit',
      decimals: 1,
      about: 'Committed steps, of all steps of the run.',
      queries: [[`max(trmesh_step{${LEAD}}) / max(trmesh_steps_target{${LEAD}})`, 'progress']],
    }),
    stat({
      title: 'Time left',
      unit: 's',
      about: 'To the last step, at the pace of the last one.',
      queries: [[`trmesh_remaining_seconds{${LEAD}}`, 'left']],
    }),
    stat({
      title: 'Loss',
      unit: 'none',
      decimals: 3,
      about: 'Of the last committed step, mean per slot.',
      queries: [[`trmesh_loss{${LEAD},part="total"}`, 'loss']],
    }),
    stat({
      title: 'Exact',
      unit: 'percentunit',
      decimals: 1,
      about: 'Samples wholly right, of those that halted in the last step with any. On training data.',
      queries: [[`trmesh_exact_accuracy_ratio{${LEAD}}`, 'exact']],
    }),
    stat({
      title: 'Samples/s',
      unit: 'short',
      about: 'Supervision steps of samples per second, committed ones only.',
      queries: [[`rate(trmesh_samples_total{${LEAD}}${WINDOW})`, 'samples/s']],
    }),
    stat({
      title: 'Goodput',
      unit: 'percentunit',
      about: 'Time spent in steps that committed, of the time since the coordinator started.',
      queries: [[`trmesh_goodput_ratio{${LEAD}}`, 'goodput']],
    }),
    stat({
      title: 'Workers',
      unit: 'none',
      about: 'Members of the run, whatever they are doing.',
      queries: [[`sum(trmesh_workers{${LEAD}})`, 'workers']],
    }),
    series({
      title: 'Loss',
      unit: 'none',
      about: 'Mean per slot of each committed step: the whole, its language part (lm) and its halting parts.',
      queries: [[`trmesh_loss{${LEAD}}`, '{{part}}']],
      logarithmic: true,
    }),
    series({
      title: 'Accuracy on training data',
      unit: 'percentunit',
      min: 0,
      max: 1,
      about: 'Of the samples that halted in the last step with any. Augmented training examples: no test score.',
      queries: [
        [`trmesh_cell_accuracy_ratio{${LEAD}}`, 'cells right'],
        [`trmesh_exact_accuracy_ratio{${LEAD}}`, 'wholly right'],
        [`trmesh_q_halt_accuracy_ratio{${LEAD}}`, 'halting logit right'],
      ],
    }),
    series({
      title: 'Throughput',
      unit: 'short',
      size: { width: 8, height: 7 },
      min: 0,
      about: 'Committed samples and grid positions per second. A sample counts once per supervision step.',
      queries: [
        [`rate(trmesh_samples_total{${LEAD}}${WINDOW})`, 'samples/s'],
        [`rate(trmesh_tokens_total{${LEAD}}${WINDOW})`, 'positions/s'],
      ],
    }),
    series({
      title: 'Arithmetic',
      unit: 'flops',
      size: { width: 8, height: 7 },
      min: 0,
      about: 'Floating-point operations per second of committed steps, modelled from shapes (spec 8.2), not counted.',
      queries: [[`rate(trmesh_flops_total{${LEAD}}${WINDOW})`, 'modelled FLOP/s']],
    }),
    series({
      title: 'Steps to halt',
      unit: 'none',
      size: { width: 4, height: 7 },
      min: 0,
      about: 'Supervision steps spent on a sample that halted, mean.',
      queries: [[`trmesh_halt_steps{${LEAD}}`, 'steps']],
    }),
    series({
      title: 'Learning rate',
      unit: 'none',
      size: { width: 4, height: 7 },
      about: 'Of the dense weights and of the puzzle rows.',
      queries: [[`trmesh_learning_rate{${LEAD}}`, '{{group}}']],
    }),
    series({
      title: 'Gradient norm',
      unit: 'none',
      size: { width: 24, height: 5 },
      min: 0,
      about: 'L2 norm of the mean dense gradient.',
      queries: [[`trmesh_gradient_norm{${LEAD}}`, 'norm']],
    }),
    series({
      title: "Share of the devices' peak",
      unit: 'percentunit',
      size: { width: 12, height: 5 },
      min: 0,
      about:
        'Modelled FLOP/s of committed steps over the sum of what one large matrix product reached on each worker at its start, measured. Waiting for others counts as time.',
      queries: [
        [
          `rate(trmesh_flops_total{${LEAD}}${WINDOW}) / scalar(sum(trmesh_matmul_peak_flops{${RUN}}))`,
          'of the measured peak',
        ],
      ],
    }),
    series({
      title: 'Distance of the weights from their average',
      unit: 'none',
      size: { width: 12, height: 5 },
      min: 0,
      about:
        'L2, and as a share of the norm of the weights; every tenth step, equal on all workers. It falls as training settles.',
      queries: [
        [`max(trmesh_ema_distance{${RUN},of="distance"})`, 'distance'],
        [`max(trmesh_ema_distance{${RUN},of="share"})`, 'share of the norm'],
      ],
    }),
    table({
      title: 'What runs here',
      about: 'Coordinator and workers, with the engine that computes.',
      size: { width: 24, height: 5 },
      labels: { run: 'Run', worker: 'Worker', preset: 'Preset', data: 'Data', backend: 'Backend', instance: 'Address' },
      values: [{ title: 'Running', unit: 'none', expr: `trmesh_run_info{${RUN}}` }],
    }),
  ],
}
