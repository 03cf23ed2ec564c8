// Dashboard TRM against LLM baselines: this run beside published figures, as ratios, with what must be minded in the panel.
import { BASELINE_IDS, BASELINES } from '../shared/baselines.js'
import { LEAD, WINDOW, WORKERS, type DashboardSpec } from './dashboard.js'
import { note, stat, table, type TableColumn } from './panel.js'

const INFO = 'baseline, model, setup, hardware, source, grade'
const LABELS = {
  model: 'Model',
  setup: 'What was done',
  hardware: 'Hardware',
  source: 'Source',
  grade: 'Grade',
} as const

/** A published figure with the words that belong to it; `by`: labels of the figure beside `baseline`. */
const published = (metric: string, by = ''): string =>
  `max by (baseline${by}) (${metric}{${LEAD}}) * on (baseline) group_left (model, setup, hardware, source, grade) ` +
  `max by (${INFO}) (trmesh_baseline_info{${LEAD}})`

const TOKENS = `sum(rate(trmesh_tokens_total{${LEAD}}${WINDOW}))`
const MEMORY = `max(process_resident_memory_bytes{${WORKERS}})`
const SCORE = `max(trmesh_evaluation_pass_ratio{${LEAD},k="2"})`

const ratio = (title: string, expr: string): TableColumn => ({ title, unit: 'none', expr })

/** Each caveat once, with the models it concerns. */
function caveats(): string {
  const models = new Map<string, Set<string>>()
  for (const id of BASELINE_IDS) {
    const { caveat, model } = BASELINES[id]
    models.set(caveat, (models.get(caveat) ?? new Set()).add(model))
  }
  return [...models].map(([caveat, names]) => `- **${[...names].join(', ')}**: ${caveat}.`).join('\n')
}

const MIND = `Ours is **measured here**, on this machine and this run. Everything else is **published by others** on other
hardware: grade **P** was read in the primary text, **S** in somebody else's account of it, **D** is derived by arithmetic.
A ratio across different units or hardware is an orientation, no benchmark: tokens of a language model are not grid positions
of TRM, and a sample of ours is *one supervision step*, not one answer.`

const COMPARED_LABELS = { model: 'Model', kind: 'Kind', device: 'Device', note: 'Mind' } as const

/** A figure of the comparison with the words that belong to it. */
const compared = (metric: string): string =>
  `max by (subject) (${metric}{${LEAD}}) * on (subject) group_left (model, kind, device, note) ` +
  `max by (subject, model, kind, device, note) (trmesh_compared_info{${LEAD}})`

const perTrm = (metric: string, order: 'TRM first' | 'this first'): string => {
  const trm = `scalar(max(${metric}{${LEAD},subject="trm"}))`
  return order === 'TRM first' ? `${trm} / (${compared(metric)})` : `(${compared(metric)}) / ${trm}`
}

const MEASURED = `The next two tables are **measured** on one device, in one run of \`npx trmesh baseline\`: TRM's own step beside
decoder-only language models of ours (random weights, f32), all weights or LoRA. Rows of kind **modelled** are counted from
FLOPs and bytes, not run. They are empty until that command was run where the coordinator keeps its runs. Everything further
down is published by others.`

export const BASELINES_DASHBOARD: DashboardSpec = {
  name: 'baselines',
  title: 'TRM against LLM baselines',
  about: 'This run beside published figures of language models and of other TRM trainings.',
  panels: [
    note('Measured here', MEASURED, { width: 18, height: 4 }),
    stat({
      title: 'Compared',
      unit: 'dateTimeFromNow',
      size: { width: 6, height: 4 },
      about: 'When the comparison was measured.',
      queries: [[`1000 * max(trmesh_compared_timestamp_seconds{${LEAD}})`, 'measured']],
    }),
    table({
      title: 'TRM and language models on one device, training',
      about:
        'Measured by `npx trmesh baseline` in one run, unless modelled. A sample of TRM is one supervision step of one grid, of a language model one text. The ratio is how often TRM does it in the time of the other.',
      size: { width: 24, height: 8 },
      labels: COMPARED_LABELS,
      values: [
        { title: 'Parameters', unit: 'short', expr: compared('trmesh_compared_parameters') },
        { title: 'Samples/s', unit: 'none', expr: compared('trmesh_compared_samples_per_second') },
        ratio('TRM / this', perTrm('trmesh_compared_samples_per_second', 'TRM first')),
        { title: 'Tokens/s', unit: 'short', expr: compared('trmesh_compared_train_tokens_per_second') },
        { title: 'Memory', unit: 'bytes', expr: compared('trmesh_compared_memory_bytes') },
      ],
      decimals: 2,
      sortBy: 'Samples/s',
    }),
    table({
      title: 'TRM and language models on one device, answering',
      about:
        'Time of one answer grid of the mean length, prompt included, greedy, with a cache of keys and values; TRM answers with all its supervision steps. The ratio is how many answers TRM gives in that time. Costs need a price, joules a device that tells.',
      size: { width: 24, height: 8 },
      labels: COMPARED_LABELS,
      values: [
        { title: 'Seconds per answer', unit: 's', expr: compared('trmesh_compared_answer_seconds') },
        ratio('This / TRM', perTrm('trmesh_compared_answer_seconds', 'this first')),
        { title: 'Generated tokens/s', unit: 'none', expr: compared('trmesh_compared_tokens_per_second') },
        { title: 'Joules per answer', unit: 'none', expr: compared('trmesh_compared_answer_joules') },
        { title: 'Cost per task', unit: 'none', expr: compared('trmesh_compared_task_cost') },
      ],
      decimals: 2,
      sortBy: 'Seconds per answer',
    }),
    note('Mind', MIND, { width: 8, height: 5 }),
    stat({
      title: 'Ours: samples/s',
      unit: 'short',
      size: { width: 4, height: 5 },
      about: 'Measured: supervision steps of samples per second, all workers.',
      queries: [[`sum(rate(trmesh_samples_total{${LEAD}}${WINDOW}))`, 'samples/s']],
    }),
    stat({
      title: 'Ours: positions/s',
      unit: 'short',
      size: { width: 4, height: 5 },
      about: 'Measured: grid positions trained on per second, all workers.',
      queries: [[TOKENS, 'positions/s']],
    }),
    stat({
      title: 'Ours: memory',
      unit: 'bytes',
      size: { width: 4, height: 5 },
      about: 'Measured: resident memory of the largest chosen worker on its host. Memory of a GPU is not in it.',
      queries: [[MEMORY, 'resident']],
    }),
    stat({
      title: 'Ours: pass@2',
      unit: 'percentunit',
      decimals: 1,
      size: { width: 4, height: 5 },
      about: 'Measured at the last evaluation, on the test pairs of the data of this run; see Run for which data.',
      queries: [[SCORE, 'pass@2']],
    }),
    table({
      title: 'Training and generation speed of language models, and ours as a multiple of it',
      about:
        'Published tokens per second and device. The ratio divides our grid positions per second, all workers together, by it: different units, see Mind and Caveats.',
      size: { width: 24, height: 9 },
      labels: LABELS,
      values: [
        { title: 'Tokens/s', unit: 'short', expr: published('trmesh_baseline_tokens_per_second') },
        ratio('Ours / theirs', `scalar(${TOKENS}) / (${published('trmesh_baseline_tokens_per_second')})`),
      ],
      decimals: 4,
      sortBy: 'Tokens/s',
    }),
    table({
      title: 'Memory, and how often ours fits into it',
      about:
        'Published peak memory, of a GPU where one is named. Ours is the resident memory of the largest worker on its host.',
      size: { width: 24, height: 8 },
      labels: LABELS,
      values: [
        { title: 'Memory', unit: 'bytes', expr: published('trmesh_baseline_memory_bytes') },
        ratio('Theirs / ours', `(${published('trmesh_baseline_memory_bytes')}) / scalar(${MEMORY})`),
      ],
      decimals: 2,
      sortBy: 'Memory',
    }),
    table({
      title: 'Accuracy',
      about:
        'Exact match. Language-model rows were copied from leaderboards with other protocols; TRM rows use 2 tries on public sets. Ours is pass@2 on the data of this run: comparable only if that is the same test.',
      size: { width: 14, height: 9 },
      labels: { test: 'Test', model: 'Model', setup: 'What was done', source: 'Source', grade: 'Grade' },
      values: [
        {
          title: 'Accuracy',
          unit: 'percentunit',
          expr: published('trmesh_baseline_accuracy_ratio', ', test'),
        },
      ],
      decimals: 1,
      sortBy: 'Accuracy',
    }),
    table({
      title: 'Parameters',
      about: 'As published. 7M of TRM leave out the table of task embeddings.',
      size: { width: 10, height: 9 },
      labels: { model: 'Model', source: 'Source', grade: 'Grade' },
      values: [{ title: 'Parameters', unit: 'short', expr: published('trmesh_baseline_parameters') }],
      sortBy: 'Parameters',
    }),
    table({
      title: 'Samples per second, published',
      about:
        'TRM at batch 32 against a language model at batch 1 whose 128 tokens cannot print most grids: a fair latency, no fair throughput. The last column divides our training samples (supervision steps) by theirs.',
      size: { width: 24, height: 6 },
      labels: LABELS,
      values: [
        { title: 'Samples/s', unit: 'short', expr: published('trmesh_baseline_samples_per_second') },
        ratio(
          'Ours / theirs',
          `scalar(sum(rate(trmesh_samples_total{${LEAD}}${WINDOW}))) / (${published('trmesh_baseline_samples_per_second')})`,
        ),
      ],
      decimals: 2,
      sortBy: 'Samples/s',
    }),
    table({
      title: 'Training time of TRM elsewhere',
      about: 'Published wall time of whole trainings on Sudoku-Extreme.',
      size: { width: 24, height: 5 },
      labels: LABELS,
      values: [{ title: 'Wall time', unit: 's', expr: published('trmesh_baseline_training_seconds') }],
      sortBy: 'Wall time',
    }),
    note('Caveats', caveats(), { width: 24, height: 10 }),
  ],
}
