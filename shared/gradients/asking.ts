// When to ask again for what has not come, and in what words. Slow is not lost: who waits asks after a second without any
// progress, or longer where such pauses are usual, then after twice as long each time.
import type { Epoch, Step, WorkerId } from '../ids.js'
import type { MessageOf } from '../protocol/messages.js'
import type { Lacking } from './owner.js'

/** Looks without progress before the first question, at least and at most. */
const LEAST = 4
const MOST = 40
/** So many times the longest pause that ended by itself lately is no reason to ask. */
const MARGIN = 1.5
const FADING = 0.9

export class Patience {
  private what = ''
  private quiet = 0
  private next = LEAST
  private askedAt = 0
  /** Looks of the longest pause of late after which something came unasked. */
  private usual = 0

  /**
   * To be asked every LOOK_MS.
   * @param step names what is waited for; @param missing how much of it has not come
   */
  isOver(step: string, missing: number): boolean {
    const what = `${step} ${missing}`
    if (what !== this.what) {
      // What comes soon after a question is its answer, and says nothing of how long it takes unasked.
      if (this.askedAt === 0 || this.quiet - this.askedAt > LEAST)
        this.usual = Math.max(this.quiet, this.usual * FADING)
      this.what = what
      this.quiet = 0
      this.askedAt = 0
      this.next = Math.max(LEAST, Math.min(Math.ceil(MARGIN * this.usual), MOST))
      return false
    }
    if (missing === 0 || ++this.quiet < this.next) return false
    this.next *= 2
    this.askedAt = this.quiet
    return true
  }
}

/** One message for every worker whose parts are lacking. */
export function lacksOf(
  at: { readonly epoch: Epoch; readonly step: Step },
  lacking: readonly Lacking[],
): Extract<MessageOf<'gradients'>, { type: 'lack' }>[] {
  const bySource = new Map<WorkerId, Lacking[]>()
  for (const one of lacking) bySource.set(one.source, [...(bySource.get(one.source) ?? []), one])
  return [...bySource].map(([target, parts]) => ({
    type: 'lack',
    ...at,
    target,
    buckets: parts.map(({ bucket }) => bucket),
    nodes: parts.map(({ node }) => node),
  }))
}
