// Scores of answers that were asked under another identifier than their own, filed in two ways. Rightly: under the puzzle
// that was asked. As the published study's script does (figures.md, section 2.1): under the identifier that was handed to the
// network, so that blank rows are dropped, and others are put under another puzzle and turned back by its transform. That is
// zero by construction, whatever the network answers; it is computed here by the same steps, not written down.
import type { Votes } from '../../shared/arc/vote.js'
import type { ArcEvaluation } from '../data/arc-evaluation.js'
import { RowAccuracy } from '../data/row-accuracy.js'
import { share } from './statistics.js'
import type { Measured } from './record.js'

const BLANK = 0

export interface IdentityScore {
  readonly honest: { readonly pass1: Measured | null; readonly pass2: Measured | null; readonly rows: Measured | null }
  /** pass@1 as the published script files it; null where it had no such case. */
  readonly published: Measured | null
}

export class IdentityScores {
  private readonly honest: Votes
  private readonly published: Votes
  private readonly exact = new RowAccuracy()

  constructor(private readonly rows: ArcEvaluation) {
    this.honest = rows.votes()
    this.published = rows.votes()
  }

  /**
   * @param row of the test set
   * @param handed identifier that the network was given; undefined: none that a table holds
   */
  add(row: number, handed: number | undefined, preds: Uint8Array, q: number): void {
    const { part, puzzle } = this.rows.at(row)
    const { pool } = this.rows
    const { inputs, labels } = this.rows.row(row)
    this.exact.add(labels, preds)
    this.honest.add(part.group.task.name, pool.augmentation(puzzle), inputs, preds, q)
    if (handed === undefined || handed === BLANK) return
    const other = handed - 1
    this.published.add(pool.groupOf(other).task.name, pool.augmentation(other), inputs, preds, q)
  }

  /** @param published false where the published study had no such case */
  score(published: boolean): IdentityScore {
    const honest = this.honest.score()
    const tasks = honest.tasks.length
    return {
      honest: {
        pass1: share(honest.pass[1] ?? 0, tasks),
        pass2: share(honest.pass[2] ?? 0, tasks),
        // Rows of one pair are not independent: the interval is that of the pairs.
        rows: share(this.exact.exact, honest.knownPairs),
      },
      published: published ? share(this.published.score().pass[1] ?? 0, tasks) : null,
    }
  }
}
