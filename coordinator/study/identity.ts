// Study: what happens without the puzzle ID? The same questions under the right identifier, none, a random one, and the mean of
// all; each scored honestly, and beside it as the published study's script scored it.
import { hashGrid } from '../../shared/arc/grid.js'
import { crop } from '../../shared/arc/tokens.js'
import { below } from '../../shared/rng/draws.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { EvaluationSet } from '../data/example-source.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import { quietObserver } from '../quiet-observer.js'
import { arcRows, mustBeArc } from './arc-rows.js'
import { IdentityScores, type IdentityScore } from './identity-scores.js'
import type { Findings, Measured, Reported } from './record.js'
import { AUDITED_BLANK, WITH_ID, WITHOUT_ID } from './reported.js'
import { share, WILSON } from './statistics.js'
import type { Study } from './study.js'

export const IDENTITIES = ['right', 'blank', 'random', 'mean'] as const
export type Identity = (typeof IDENTITIES)[number]

interface Found {
  readonly description: string
  readonly tasks: number
  readonly of: Readonly<Record<Identity, IdentityScore & { readonly same: Measured | null }>>
}

export interface IdentityInquiry extends Inquiry {
  /** Once all answers are in. */
  found(): Found
}

/** An identifier 1 .. identifiers-1 that is not this one; this one if there is no other. */
export function otherIdentifier(own: number, identifiers: number, seed: number, row: number): number {
  if (identifiers <= 2) return own
  const drawn = 1 + below(rngFor(seed, 'random-identity', row), identifiers - 2)
  return drawn < own ? drawn : drawn + 1
}

export function identityInquiry(seed: number): IdentityInquiry {
  let found: Found | undefined
  return {
    observer: quietObserver,
    found() {
      if (found === undefined) throw new Error('not all answers are in')
      return found
    },
    ask(data): EvaluationSet {
      const rows = arcRows(data.evaluation)
      const count = IDENTITIES.length
      const asked = (index: number): { row: number; identity: Identity; handed: number | undefined } => {
        const row = Math.floor(index / count)
        const identity = IDENTITIES[index % count]!
        const own = rows.at(row).puzzle + 1
        const handed = {
          right: own,
          blank: 0,
          random: otherIdentifier(own, data.numPuzzles, seed, row),
          mean: undefined,
        }
        return { row, identity, handed: handed[identity] }
      }
      return {
        rows: count * rows.rows,
        description: `${rows.description}, each under ${count} identities`,
        row(index) {
          const { row, handed } = asked(index)
          const own = rows.row(row)
          return handed === undefined ? { ...own, identity: 'mean' } : { ...own, puzzle: handed }
        },
        scorer() {
          const scores = IDENTITIES.map(() => new IdentityScores(rows))
          const answers = new Answers(rows.rows, rows.pool.config.canvas)
          return {
            add(index, preds, q) {
              const { row, handed } = asked(index)
              scores[index % count]!.add(row, handed, preds, q)
              answers.add(index % count, row, preds)
            },
            arc: () => undefined,
            finish() {
              const pairs = rows.parts.reduce((sum, part) => sum + part.pairs.length, 0)
              const of = Object.fromEntries(
                IDENTITIES.map((identity, i) => [
                  identity,
                  { ...scores[i]!.score(identity !== 'mean'), same: share(answers.same(i), pairs) },
                ]),
              ) as Found['of']
              found = { description: rows.description, tasks: rows.parts.length, of }
              return { score: 0, accuracies: [] }
            },
          }
        },
      }
    },
  }
}

/** How many rows are answered as under the right identifier: the grids, not what the network leaves around them. */
class Answers {
  private readonly given: (string | undefined)[][]

  constructor(
    private readonly rows: number,
    private readonly canvas: number,
  ) {
    this.given = IDENTITIES.map(() => new Array<string | undefined>(rows))
  }

  add(identity: number, row: number, preds: Uint8Array): void {
    this.given[identity]![row] = hashGrid(crop(preds, this.canvas))
  }

  same(identity: number): number {
    const equal = this.given[identity]!.filter((answer, row) => answer === this.given[0]![row]).length
    return equal / Math.max(1, this.rows)
  }
}

const WORDS: Readonly<Record<Identity, string>> = {
  right: 'the right identifier',
  blank: 'blank: row 0, all zeros',
  random: 'random: that of another puzzle',
  mean: 'mean of all trained rows',
}

const REPORTED: Readonly<Record<Identity, readonly Reported[]>> = {
  right: [WITH_ID],
  blank: [WITHOUT_ID, AUDITED_BLANK],
  random: [WITHOUT_ID],
  mean: [],
}

/** What is so by construction has no chance in it, and no interval. */
const filedAsPublished = (identity: Identity, found: Measured | null): Measured | null =>
  found === null || identity === 'right' ? found : { value: found.value, low: null, high: null }

export function identityFindings({ description, tasks, of }: Found): Findings {
  const column = (title: string): Findings['tables'][number]['columns'][number] => ({ title, unit: 'share', interval: WILSON }) // prettier-ignore
  const titles = [
    'pass@1, rightly filed',
    'pass@1, filed as in the published script',
    'pass@2, rightly filed',
    'rows exact',
    'rows answered with the same grid as under the right identifier',
  ]
  return {
    asked: `${description}, of ${tasks} tasks, each under ${IDENTITIES.length} identities`,
    tables: [
      {
        title: 'Identifier given to the network',
        columns: titles.map(column),
        rows: IDENTITIES.map((identity) => {
          const { honest, published, same } = of[identity]
          return {
            what: WORDS[identity],
            measured: [honest.pass1, filedAsPublished(identity, published), honest.pass2, honest.rows, same],
            reported: [...REPORTED[identity]],
          }
        }),
      },
    ],
    pictures: [
      {
        title: 'pass@1 by identifier',
        along: 'identifier given to the network',
        kind: 'bars',
        unit: 'share',
        scale: 'linear',
        labels: [...IDENTITIES],
        series: [
          { name: 'rightly filed', points: IDENTITIES.map((identity) => of[identity].honest.pass1) },
          {
            name: 'filed as in the published script',
            points: IDENTITIES.map((identity) => filedAsPublished(identity, of[identity].published)),
          },
        ],
        reported: [],
      },
    ],
    notes: [
      'Rightly filed: an answer counts for the puzzle that was asked, under whatever identifier. As in the published script: the altered identifier also decides where the answer is filed, so blank rows are dropped and random ones go to another puzzle with its inverse transform. That gives zero by construction: it measures the scorer, not the network.',
      'Row 0 of the table is never trained, so blank is a vector of zeros the network has not met in training; a random or mean row is one it has met, or nearly. None of them says what a network trained without identifiers would do.',
      'The mean has no counterpart in the published study. Intervals of rows are those of the test pairs, because rows of one pair are not independent.',
    ],
  }
}

export const identity: Study = {
  name: 'identity',
  question: 'What happens without the puzzle ID?',
  cost: 'four evaluations in one: right, blank, random and mean identifier',
  async run({ config, wishes, ask }): Promise<Findings> {
    mustBeArc('identity', config)
    const inquiry = identityInquiry(wishes.seed)
    const { augmentations = config.evaluate.augmentations } = wishes
    await ask(inquiry, { ...config, evaluate: { ...config.evaluate, augmentations } })
    return identityFindings(inquiry.found())
  },
}
