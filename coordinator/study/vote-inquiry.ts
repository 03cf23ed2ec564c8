// Asks every test pair under its augmentations and keeps each vote, in its place.
import type { EvaluationSet } from '../data/example-source.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import { quietObserver } from '../quiet-observer.js'
import { arcRows } from './arc-rows.js'
import { Ballots } from './ballots.js'

export interface VoteInquiry extends Inquiry {
  /** Of all pairs; empty until all answers are in. */
  readonly ballots: readonly Ballots[]
  readonly description: string
}

export function voteInquiry(): VoteInquiry {
  let ballots: readonly Ballots[] = []
  let description = ''
  return {
    get ballots() {
      return ballots
    },
    get description() {
      return description
    },
    observer: quietObserver,
    ask(data): EvaluationSet {
      const rows = arcRows(data.evaluation)
      description = rows.description
      return {
        rows: rows.rows,
        description: rows.description,
        row: (index) => rows.row(index),
        scorer() {
          const { canvas } = rows.pool.config
          const cast = new Map(
            rows.parts.flatMap(({ group, pairs, members, firstRow }) =>
              pairs.map((pair, place) => {
                const own = new Ballots(group.task.name, place, group.task.pairs[pair]!, canvas, members)
                return [`${firstRow}:${place}`, own] as const
              }),
            ),
          )
          return {
            add(index, preds, q) {
              const { part, puzzle, place } = rows.at(index)
              cast
                .get(`${part.firstRow}:${place}`)
                ?.cast(puzzle - part.group.from, rows.pool.augmentation(puzzle), preds, q)
            },
            arc: () => undefined,
            finish() {
              ballots = [...cast.values()]
              return { score: 0, accuracies: [] }
            },
          }
        },
      }
    },
  }
}
