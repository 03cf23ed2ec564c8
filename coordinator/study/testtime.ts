// Study: what do more supervision steps at test time buy? Noisy rollouts of which the one with the best q answers (PTRM,
// arXiv:2605.19943), copies of the question of which the majority or the first to halt answers (arXiv:2601.19085, 2601.10679), and
// the chains of a model that was trained with several. The cost stands beside the accuracy, in supervision steps per question.
import type { RunConfig } from '../../shared/config/run-config.js'
import type { Noise } from '../../shared/question.js'
import { attemptCurve, WAYS, type CurvePoint } from './attempt-curve.js'
import { attemptInquiry, type Attempted, type AttemptKind } from './attempts.js'
import type { Findings, Measured, Reported, StudyPicture, StudyTable } from './record.js'
import { HALT_FIRST_SUDOKU, PTRM_SUDOKU, RELABELINGS_SUDOKU } from './reported.js'
import { meanOf, share } from './statistics.js'
import type { Study } from './study.js'

/** Copies of a question, itself included, if nobody says how many. */
const COPIES = 8
const BOOTSTRAP_QUESTIONS = '95 % bootstrap over questions'

const TITLES: Readonly<Record<AttemptKind, string>> = {
  rollouts: 'Noisy rollouts',
  copies: 'Copies of the question, mapped back',
  chains: 'Chains of the model',
}
const ONE: Readonly<Record<AttemptKind, string>> = {
  rollouts: 'rollout, with noise',
  copies: 'copy, any',
  chains: 'chain, any',
}
const REPORTED: Readonly<Partial<Record<AttemptKind, readonly Reported[]>>> = {
  rollouts: [PTRM_SUDOKU],
  copies: [HALT_FIRST_SUDOKU, RELABELINGS_SUDOKU],
}

const bare = (value: number): Measured => ({ value, low: null, high: null })

function table(
  kind: AttemptKind,
  points: readonly CurvePoint[],
  plain: readonly Attempted[],
  steps: number,
): StudyTable {
  const right = plain.map((one) => Number(one.plain.key === one.right))
  const early = plain.map((one) => Number(one.plain.early.key === one.right))
  const trials = plain.length
  const last = points.length - 1
  return {
    title: TITLES[kind],
    columns: [
      ...WAYS.map((title) => ({ title, unit: 'share' as const, interval: BOOTSTRAP_QUESTIONS })),
      { title: 'steps, all to the end', unit: 'number', interval: '' },
      { title: 'steps, first to halt', unit: 'number', interval: BOOTSTRAP_QUESTIONS },
    ],
    rows: [
      {
        what: 'the question as it is, one pass without noise',
        measured: [
          ...[share(meanOf(right), trials), share(meanOf(right), trials)],
          ...[share(meanOf(early), trials), share(meanOf(right), trials)],
          ...[bare(steps), bare(meanOf(plain.map((one) => one.plain.early.step)))],
        ],
        reported: [],
      },
      ...points.map(({ attempts, accuracy, fullSteps, firstSteps }, i) => ({
        what: `${attempts} ${attempts === 1 ? ONE[kind] : kind}`,
        measured: [...WAYS.map((way) => accuracy[way]), bare(fullSteps), firstSteps],
        reported: i === last ? [...(REPORTED[kind] ?? [])] : [],
      })),
    ],
  }
}

const picture = (kind: AttemptKind, points: readonly CurvePoint[]): StudyPicture => ({
  title: TITLES[kind],
  along: `${kind}; best q and majority take all steps of each`,
  kind: 'line',
  unit: 'share',
  scale: 'linear',
  labels: points.map(({ attempts }) => String(attempts)),
  series: WAYS.map((name) => ({ name, points: points.map(({ accuracy }) => accuracy[name]) })),
  reported: [],
})

export function testtimeFindings(
  { description, all }: { readonly description: string; readonly all: readonly Attempted[] },
  { model }: Pick<RunConfig, 'model'>,
  { noise, seed, resamples }: { readonly noise: Noise; readonly seed: number; readonly resamples: number },
): Findings {
  const steps = model.haltMaxSteps
  const known = all.filter(({ right }) => right !== undefined)
  const curves = (['rollouts', 'copies', 'chains'] as const)
    .filter((kind) => kind === 'rollouts' || known.some(({ attempts }) => attempts[kind].length > 1))
    .map((kind) => ({ kind, points: attemptCurve(all, kind, { steps, seed, resamples }) }))
  return {
    asked: description,
    tables: curves.map(({ kind, points }) => table(kind, points, known, steps)),
    pictures: curves.map(({ kind, points }) => picture(kind, points)),
    notes: [
      `Each attempt may take ${steps} supervision steps. Rollouts get N(0, ${noise.sigma}²) on ${noise.states === 'answer' ? 'z_H' : 'every state'} before each of them; nothing was trained anew.`,
      'best q: the answer with the highest q_halt after the last step. majority: the answer that most attempts gave, equals by mean confidence. first to halt: all run side by side, and the first that says halt answers with what it has then; its cost is the steps of all attempts up to there. any right: what a perfect choice would give.',
      'A number of attempts is tried on as many disjoint blocks of them as there are; a question counts by the mean of its blocks. Points along a curve are of the same questions and attempts: their differences are surer than their intervals.',
      'What others reported is of another, harder test set, and of other models.',
    ],
  }
}

export const testtime: Study = {
  name: 'testtime',
  question: 'What do more steps at test time buy: noisy rollouts, copies, the first to halt?',
  cost: 'one evaluation of rollouts + copies passes per question',
  async run({ config, wishes, ask }): Promise<Findings> {
    const { seed, resamples, rollouts, sigma, noiseOn } = wishes
    const { augmentations = COPIES - 1 } = wishes
    const noise: Noise = { seed, sigma, states: noiseOn }
    const inquiry = attemptInquiry({ rollouts, copies: augmentations + 1, chains: config.model.chains, noise })
    await ask(inquiry, { ...config, evaluate: { ...config.evaluate, augmentations } })
    const found = { description: inquiry.description, all: inquiry.found() }
    return testtimeFindings(found, config, { noise, seed, resamples })
  },
}
