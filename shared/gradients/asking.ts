// When to ask again for what has not come, and in what words. Slow is not lost: who waits asks after a second without any
// progress, then after twice as long each time, so that a worker that only computes for long costs a few small messages.
import type { Epoch, Step, WorkerId } from '../ids.js'
import type { MessageOf } from '../protocol/messages.js'
import type { Lacking } from './owner.js'

/** How often to look whether something has come. */
export const LOOK_MS = 250
const FIRST_LOOKS = 4

export class Patience {
  private what = ''
  private quiet = 0
  private next = FIRST_LOOKS

  /**
   * To be asked every LOOK_MS.
   * @param step names what is waited for; @param missing how much of it has not come
   */
  isOver(step: string, missing: number): boolean {
    const what = `${step} ${missing}`
    if (missing === 0 || what !== this.what) {
      this.what = what
      this.quiet = 0
      this.next = FIRST_LOOKS
      return false
    }
    if (++this.quiet < this.next) return false
    this.next *= 2
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
