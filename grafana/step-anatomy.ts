// Dashboard Step anatomy: where the time of a step goes, per phase and per worker.
import { LEAD, WINDOW, WORKERS, type DashboardSpec } from './dashboard.js'
import { series, stat } from './panel.js'

const mean = (by: string, selector: string): string =>
  `sum by (${by}) (rate(trmesh_step_seconds_sum{${selector}}${WINDOW})) / ` +
  `sum by (${by}) (rate(trmesh_step_seconds_count{${selector}}${WINDOW}))`

const quantile = (q: number, by: string, metric: string, selector: string): string =>
  `histogram_quantile(${q}, sum by (${by}) (rate(${metric}_bucket{${selector}}${WINDOW})))`

const share = (phases: string): string =>
  `sum(rate(trmesh_step_seconds_sum{${WORKERS},phase=~"${phases}"}${WINDOW})) / ` +
  `sum(rate(trmesh_step_seconds_sum{${WORKERS}}${WINDOW}))`

export const STEP_ANATOMY: DashboardSpec = {
  name: 'step-anatomy',
  title: 'Step anatomy',
  about: 'Where the time of a step goes: computing, reading, waiting for the others.',
  panels: [
    stat({
      title: 'Step, median',
      unit: 's',
      size: { width: 6, height: 4 },
      about: 'Wall time from one commit to the next, median over the window.',
      queries: [[quantile(0.5, 'le', 'trmesh_commit_interval_seconds', LEAD), 'p50']],
    }),
    stat({
      title: 'Step, 99 %',
      unit: 's',
      size: { width: 6, height: 4 },
      about: 'Wall time from one commit to the next that one step in a hundred exceeds.',
      queries: [[quantile(0.99, 'le', 'trmesh_commit_interval_seconds', LEAD), 'p99']],
    }),
    stat({
      title: 'Computing',
      unit: 'percentunit',
      size: { width: 6, height: 4 },
      about: "Share of the workers' step time in forward and backward.",
      queries: [[share('forward|backward'), 'computing']],
    }),
    stat({
      title: 'Reducing',
      unit: 'percentunit',
      size: { width: 6, height: 4 },
      about:
        "Share of the workers' step time from the own gradient to the mean of all: network and waiting for others.",
      limits: { warn: 0.3, bad: 0.6 },
      queries: [[share('reduce'), 'reducing']],
    }),
    series({
      title: 'A step by phase, mean of the chosen workers',
      unit: 's',
      stacked: true,
      min: 0,
      size: { width: 24, height: 8 },
      about: 'Mean wall time of each phase of a committed step, on top of each other.',
      queries: [[mean('phase', WORKERS), '{{phase}}']],
    }),
    series({
      title: 'Time between commits',
      unit: 's',
      size: { width: 8, height: 8 },
      logarithmic: true,
      about: 'Quantiles of the wall time from one commit to the next, from histogram buckets: as exact as these.',
      queries: ([0.5, 0.95, 0.99] as const).map((q) => [
        quantile(q, 'le', 'trmesh_commit_interval_seconds', LEAD),
        `${q * 100} %`,
      ]),
    }),
    series({
      title: 'Computing per worker',
      unit: 's',
      size: { width: 8, height: 8 },
      min: 0,
      about: 'Mean seconds of forward and of backward. A worker above the others makes everybody wait.',
      queries: [[mean('worker, phase', `${WORKERS},phase=~"forward|backward"`), '{{worker}} {{phase}}']],
    }),
    series({
      title: 'All-reduce per worker',
      unit: 's',
      size: { width: 8, height: 8 },
      logarithmic: true,
      about: 'Median time from the own gradient to the mean of all. The slowest worker has the shortest.',
      queries: [[quantile(0.5, 'worker, le', 'trmesh_allreduce_seconds', WORKERS), '{{worker}}']],
    }),
  ],
}
