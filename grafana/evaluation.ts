// Dashboard Evaluation: what the run can do on tasks it was not trained on.
import { LEAD, RUN, WINDOW, type DashboardSpec } from './dashboard.js'
import { series, stat, table } from './panel.js'

export const EVALUATION: DashboardSpec = {
  name: 'evaluation',
  title: 'Evaluation',
  about: 'Scores of the last evaluations, on the test pairs of the data of this run.',
  panels: [
    stat({
      title: 'Evaluated at step',
      unit: 'none',
      size: { width: 6, height: 4 },
      about: 'Step of the last evaluation.',
      queries: [[`trmesh_evaluation_step{${LEAD}}`, 'step']],
    }),
    stat({
      title: 'pass@2',
      unit: 'percentunit',
      decimals: 1,
      size: { width: 6, height: 4 },
      about: 'Test pairs solved by one of the two most voted answers, mean over tasks: the ARC score.',
      queries: [[`trmesh_evaluation_pass_ratio{${LEAD},k="2"}`, 'pass@2']],
    }),
    stat({
      title: 'Exact, before voting',
      unit: 'percentunit',
      decimals: 1,
      size: { width: 6, height: 4 },
      about: 'Single predictions wholly right.',
      queries: [[`trmesh_evaluation_exact_ratio{${LEAD}}`, 'exact']],
    }),
    stat({
      title: 'An evaluation takes',
      unit: 's',
      size: { width: 6, height: 4 },
      about: 'Mean wall time of the evaluations of this process.',
      queries: [[`trmesh_evaluation_seconds_sum{${LEAD}} / trmesh_evaluation_seconds_count{${LEAD}}`, 'mean']],
    }),
    series({
      title: 'Solved within K votes',
      unit: 'percentunit',
      min: 0,
      max: 1,
      about: 'pass@K of each evaluation: what better ranking of the votes could still gain.',
      queries: [[`trmesh_evaluation_pass_ratio{${LEAD}}`, 'pass@{{k}}']],
    }),
    series({
      title: 'Training against evaluation',
      unit: 'percentunit',
      min: 0,
      max: 1,
      about: 'Exact accuracy on augmented training examples and on test predictions: the gap is generalisation.',
      queries: [
        [`trmesh_exact_accuracy_ratio{${LEAD}}`, 'training'],
        [`trmesh_evaluation_exact_ratio{${LEAD}}`, 'evaluation'],
      ],
    }),
    series({
      title: 'Workers evaluating',
      unit: 'none',
      min: 0,
      about: 'Evaluation is shared out; meanwhile no step commits.',
      queries: [[`trmesh_workers{${LEAD},phase="evaluating"}`, 'workers']],
    }),
    series({
      title: 'Time spent evaluating',
      unit: 'percentunit',
      min: 0,
      about: 'Of the wall time of the coordinator, told at the end of each evaluation.',
      queries: [[`rate(trmesh_evaluation_seconds_sum{${LEAD}}${WINDOW})`, 'share']],
    }),
    table({
      title: 'Every score of the last evaluation',
      about: 'As exported; k is the number of votes that count.',
      size: { width: 24, height: 6 },
      labels: { run: 'Run', k: 'K' },
      values: [
        { title: 'Solved', unit: 'percentunit', expr: `max by (run, k) (trmesh_evaluation_pass_ratio{${RUN}})` },
      ],
    }),
  ],
}
