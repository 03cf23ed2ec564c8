// Study: what do N votes add over a single pass? Every vote is kept, and voting is replayed with fewer of them.
import { ConfigError } from '../../shared/errors.js'
import { mustBeArc } from './arc-rows.js'
import type { Findings, Measured, Reported } from './record.js'
import { accuracyOf, onArc1 } from './reported.js'
import { resampleAll } from './resampling.js'
import { BOOTSTRAP_BOTH } from './statistics.js'
import type { Study, StudyContext } from './study.js'
import { CURVE_K, VoteCurve, type Curve } from './vote-curve.js'
import { voteInquiry, type VoteInquiry } from './vote-inquiry.js'

export const voting: Study = {
  name: 'voting',
  question: 'What do N votes add over a single pass?',
  cost: 'one evaluation with all copies that shall vote',
  async run(context): Promise<Findings> {
    const { config, wishes } = context
    mustBeArc('voting', config)
    const augmentations = copiesToVote(context)
    const inquiry = voteInquiry()
    await context.ask(inquiry, { ...config, evaluate: { ...config.evaluate, augmentations } })
    const curve = new VoteCurve(inquiry.ballots, wishes.seed, wishes.resamples)
    await resampleAll(curve, context)
    return votingFindings(curve.curve(), inquiry, wishes.resamples, onArc1(config))
  },
}

/** @throws ConfigError if a pair would have one vote */
export function copiesToVote({ config, wishes }: Pick<StudyContext, 'config' | 'wishes'>): number {
  const { augmentations } = config.data
  if (augmentations === 0)
    throw new ConfigError(
      'too few votes: this run was trained without augmentations, so each pair has one vote',
      'name a checkpoint that was trained with them (--data.augmentations 15 at start)',
    )
  const wanted = Math.min(augmentations, wishes.augmentations ?? augmentations)
  if (wanted === 0)
    throw new ConfigError('too few votes: --augmentations 0 leaves one vote a pair', 'ask for 1 or more')
  return wanted
}

export function votingFindings(
  { tasks, single, points }: Curve,
  { ballots, description }: Pick<VoteInquiry, 'ballots' | 'description'>,
  resamples: number,
  comparable: boolean,
): Findings {
  const most = points.at(-1)?.votes ?? 1
  const fewer = ballots.filter(({ length }) => length < most).length
  const row = (what: string, pass: readonly (Measured | null)[], gain: Measured | null, reported: Reported[]) => ({
    what,
    measured: [...pass, gain],
    reported,
  })
  const columns = [
    ...CURVE_K.map((k) => ({ title: `pass@${k}`, unit: 'share' as const, interval: BOOTSTRAP_BOTH })),
    { title: 'gain in pass@1 over the original', unit: 'points' as const, interval: BOOTSTRAP_BOTH },
  ]
  const alone = accuracyOf('trm-one-pass')
  const voted = accuracyOf('trm-voted')
  return {
    asked: `${description}; ${tasks} tasks with known answers`,
    tables: [
      {
        title: 'Accuracy by number of votes',
        columns,
        rows: [
          row('the original alone, one pass', single, null, [alone]),
          ...points.map(({ votes, pass, gain }) =>
            row(
              votes === 1 ? '1 vote, any copy' : votes === most ? `${votes} votes, all` : `${votes} votes`,
              pass,
              gain[0] ?? null,
              votes === most ? [voted] : [],
            ),
          ),
        ],
      },
    ],
    pictures: [
      {
        title: 'Accuracy by number of votes',
        along: 'votes per test pair',
        kind: 'line',
        unit: 'share',
        scale: 'linear',
        labels: points.map(({ votes }) => String(votes)),
        series: CURVE_K.map((k, i) => ({ name: `pass@${k}`, points: points.map(({ pass }) => pass[i] ?? null) })),
        reported: comparable
          ? [alone, voted].map(({ figure, by }, i) => ({
              name: `${i === 0 ? 'one pass' : '1000 votes'}, pass@1, ${by}`,
              value: Number.parseFloat(figure) / 100,
            }))
          : [],
      },
    ],
    notes: [
      `${resamples} seeded resamples: each draws the votes of every pair without replacement, and the tasks with replacement. The value is the mean over draws of votes on the tasks as they are; where all resamples agree, and for the original alone, the interval is Wilson's over tasks.`,
      `Up to ${most} votes a pair${fewer === 0 ? '' : `; ${fewer} of ${ballots.length} pairs have fewer (symmetric puzzles have fewer different copies) and vote with all of theirs`}.`,
      'One vote of any copy is not the single pass of the published comparison: that is the original alone. Augmented copies may be harder or easier than the original.',
    ],
  }
}
