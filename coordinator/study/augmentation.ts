// Study: what does training augmentation buy? Two runs with the recipe of the checkpoint, from nothing and for as many steps:
// one sees every task as it is, one in N augmented copies. Then both answer the same test pairs.
import { join } from 'node:path'
import { ConfigError, SystemRefused } from '../../shared/errors.js'
import type { EvaluationResult } from '../evaluate/result.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import { quietObserver } from '../quiet-observer.js'
import { savedRun } from '../store/saved-run.js'
import type { Ballots } from './ballots.js'
import { common, difference, rankAlone, rankVoted, runScore, taskScores } from './compare-runs.js'
import type { Findings, Measured, StudyPicture, StudyTable } from './record.js'
import { AUGMENTATION_CLAIM, AUGMENTATION_HRM } from './reported.js'
import { BOOTSTRAP_TASKS, share, WILSON } from './statistics.js'
import type { Study, StudyContext } from './study.js'
import { voteInquiry } from './vote-inquiry.js'

export interface Plan {
  /** Of the augmented run. */
  readonly augmentations: number
  readonly steps: number
}

/** @throws ConfigError if nothing says how many */
export function planOf({ config, checkpoint, wishes }: Pick<StudyContext, 'config' | 'checkpoint' | 'wishes'>): Plan {
  const { augmentations = config.data.augmentations, steps = checkpoint.step } = wishes
  if (augmentations === 0)
    throw new ConfigError(
      'this checkpoint was trained without augmentations, so nothing says how many the other run shall have',
      'name the number with --augmentations, such as 15',
    )
  if (steps === 0) throw new ConfigError('a run of 0 steps learns nothing', 'name the number of steps with --steps')
  return { augmentations, steps }
}

/** Trains one of the two runs, or goes on with it. @returns its last checkpoint */
async function trained(context: StudyContext, augmentations: number, steps: number): Promise<string> {
  const { config, folder, out } = context
  out.line(`training with ${augmentations} augmentations, ${steps} steps`)
  const run = await context.train({
    ...config,
    run: { ...config.run, id: `augmentations-${augmentations}-steps-${steps}`, dir: join(folder, 'runs') },
    data: { ...config.data, augmentations },
    train: { ...config.train, steps, minutes: 0 },
    // Its own evaluation at the end is not what is looked at.
    evaluate: { ...config.evaluate, everySteps: 0, augmentations: 0, maxPairs: 1 },
  })
  const { dir, step } = await savedRun(run)
  if (step !== steps)
    throw new SystemRefused('stopped before the study was done', 'start it again, it goes on from there')
  return dir
}

async function askVotes(context: StudyContext, augmentations: number, checkpoint: string): Promise<readonly Ballots[]> {
  const { config } = context
  const inquiry = voteInquiry()
  const data = { ...config.data, augmentations }
  await context.ask(inquiry, { ...config, data, evaluate: { ...config.evaluate, augmentations } }, checkpoint)
  return inquiry.ballots
}

async function askScore(context: StudyContext, augmentations: number, checkpoint: string): Promise<EvaluationResult> {
  const { config } = context
  let result: EvaluationResult | undefined
  const inquiry: Inquiry = {
    ask: (data) => data.evaluation,
    observer: { ...quietObserver, evaluated: (_step, scores) => void (result = scores) },
  }
  await context.ask(inquiry, { ...config, data: { ...config.data, augmentations } }, checkpoint)
  if (result === undefined) throw new Error('not all answers are in')
  return result
}

const label = (augmentations: number): string =>
  `${augmentations === 0 ? 'no' : augmentations} augmentation${augmentations === 1 ? '' : 's'}`

export function arcFindings(
  [plain, augmented]: readonly [readonly Ballots[], readonly Ballots[]],
  { augmentations, steps }: Plan,
  { seed, resamples }: { readonly seed: number; readonly resamples: number },
): Findings {
  const [before, after] = [common(plain, augmented), common(augmented, plain)]
  const scores = [runScore(before, seed, resamples), runScore(after, seed, resamples)] as const
  const gap = (from: typeof rankAlone, to: typeof rankAlone, k: number): Measured | null =>
    difference(taskScores(before, from, k), taskScores(after, to, k), seed, resamples)
  const names = [label(0), label(augmentations)]
  const column = (title: string): StudyTable['columns'][number] => ({ title, unit: 'share', interval: WILSON })
  const tables: StudyTable[] = [
    {
      title: 'Trained with',
      columns: [
        ...['pass@1, the original alone', 'pass@2, the original alone', 'pass@1, all votes', 'pass@2, all votes', 'right answer among the candidates'].map(column), // prettier-ignore
        { title: 'different candidates a pair', unit: 'number', interval: '95 % bootstrap over pairs' },
      ],
      rows: scores.map(({ alone, voted, found, candidates }, i) => ({
        what: names[i] ?? '',
        measured: [...alone, ...voted, found, candidates],
        reported: i === 1 ? [AUGMENTATION_CLAIM, AUGMENTATION_HRM] : [],
      })),
    },
    {
      title: `${names[1]} over none`,
      columns: ['pass@1', 'pass@2'].map((title) => ({ title, unit: 'points', interval: `${BOOTSTRAP_TASKS}, paired` })),
      rows: [
        { what: 'the original alone, both', measured: [1, 2].map((k) => gap(rankAlone, rankAlone, k)), reported: [] },
        { what: 'with all votes', measured: [1, 2].map((k) => gap(rankVoted, rankVoted, k)), reported: [] },
      ],
    },
  ]
  const bars = ['the original alone', 'all votes', 'among the candidates']
  const picture: StudyPicture = {
    ...{
      title: 'pass@1 by training augmentation',
      along: 'how it was asked',
      kind: 'bars',
      unit: 'share',
      scale: 'linear',
    },
    labels: bars,
    series: scores.map(({ alone, voted, found }, i) => ({
      name: names[i] ?? '',
      points: [alone[0] ?? null, voted[0] ?? null, found],
    })),
    reported: [],
  }
  return {
    asked: `${before.length} test pairs of ${new Set(before.map(({ task }) => task)).size} tasks that both runs were asked`,
    tables,
    pictures: [picture],
    notes: notes(steps, augmentations, true),
  }
}

export function boardFindings(
  results: readonly [EvaluationResult, EvaluationResult],
  { augmentations, steps }: Plan,
): Findings {
  const titles = ['exact', 'cells right']
  const measured = results.map(({ accuracies }) =>
    titles.map((title): Measured | null => {
      const found = accuracies.find(({ name }) => name === title)
      return found === undefined ? null : share(found.value, found.trials)
    }),
  )
  const names = [label(0), label(augmentations)]
  return {
    asked: `the test puzzles, of both runs`,
    tables: [
      {
        title: 'Trained with',
        columns: titles.map((title) => ({ title, unit: 'share', interval: WILSON })),
        rows: names.map((what, i) => ({ what, measured: measured[i] ?? [], reported: [] })),
      },
    ],
    pictures: [
      {
        ...{
          title: 'Accuracy by training augmentation',
          along: 'measure',
          kind: 'bars',
          unit: 'share',
          scale: 'linear',
        },
        labels: titles,
        series: names.map((name, i) => ({ name, points: measured[i] ?? [] })),
        reported: [],
      },
    ],
    notes: notes(steps, augmentations, false),
  }
}

function notes(steps: number, augmentations: number, votes: boolean): string[] {
  return [
    `Both runs were trained here from nothing with the recipe and seed of the checkpoint, ${steps} steps each: the same number of samples. With ${augmentations} augmentations the same task is met in its own form less often, so few steps favour the run without.`,
    'One run each: what another seed would change is not in the intervals, and three to five points between runs mean nothing.',
    ...(votes
      ? [
          'The run without augmentations has one identifier a task, so it has one vote: its votes are its single pass. All votes of the other are its original and its copies.',
        ]
      : []),
  ]
}

export const augmentation: Study = {
  name: 'augmentation',
  question: 'What does training augmentation buy, at the same budget?',
  cost: 'two runs trained from nothing, for the steps of the checkpoint or --steps',
  async run(context): Promise<Findings> {
    const plan = planOf(context)
    const sides = [0, plan.augmentations] as const
    const checkpoints = [
      await trained(context, sides[0], plan.steps),
      await trained(context, sides[1], plan.steps),
    ] as const
    if (context.config.data.kind !== 'arc') {
      const plain = await askScore(context, sides[0], checkpoints[0])
      return boardFindings([plain, await askScore(context, sides[1], checkpoints[1])], plan)
    }
    const plain = await askVotes(context, sides[0], checkpoints[0])
    return arcFindings([plain, await askVotes(context, sides[1], checkpoints[1])], plan, context.wishes)
  },
}
