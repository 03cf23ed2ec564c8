// What is to happen when: the earliest first; of the same time by rank, then what was noted first. A binary heap.
import type { Proc } from './time.js'

export interface Moment {
  readonly at: number
  readonly rank: number
  readonly owner: Proc | undefined
  readonly run: () => void
}

interface Noted extends Moment {
  readonly order: number
}

const before = (a: Noted, b: Noted): boolean =>
  a.at !== b.at ? a.at < b.at : a.rank !== b.rank ? a.rank < b.rank : a.order < b.order

export class Agenda {
  private readonly heap: Noted[] = []
  private order = 0

  add(moment: Moment): void {
    this.again({ ...moment, order: this.order++ } as Noted)
  }

  /** A moment that was taken out comes back, in its old place among those of the same time. */
  again(moment: Moment): void {
    const noted = moment as Noted
    let place = this.heap.push(noted) - 1
    while (place > 0) {
      const up = (place - 1) >> 1
      if (!before(noted, this.heap[up]!)) break
      this.heap[place] = this.heap[up]!
      place = up
    }
    this.heap[place] = noted
  }

  next(): Moment | undefined {
    const first = this.heap[0]
    const last = this.heap.pop()
    if (last === undefined || last === first) return first
    let place = 0
    for (;;) {
      let down = 2 * place + 1
      if (down >= this.heap.length) break
      if (down + 1 < this.heap.length && before(this.heap[down + 1]!, this.heap[down]!)) down++
      if (!before(this.heap[down]!, last)) break
      this.heap[place] = this.heap[down]!
      place = down
    }
    this.heap[place] = last
    return first
  }
}
