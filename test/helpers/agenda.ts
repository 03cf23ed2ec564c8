// What is to happen when: the earliest first; of the same time by rank, then what was noted first. A binary heap.

export interface Moment {
  /** Virtual milliseconds. */
  readonly at: number
  readonly rank: number
}

interface Noted {
  readonly order: number
}

const before = (a: Moment & Noted, b: Moment & Noted): boolean =>
  a.at !== b.at ? a.at < b.at : a.rank !== b.rank ? a.rank < b.rank : a.order < b.order

export class Agenda<M extends Moment> {
  private readonly heap: (M & Noted)[] = []
  private order = 0

  add(moment: M): void {
    this.again({ ...moment, order: this.order++ })
  }

  /** A moment that was taken out comes back, in its old place among those of the same time. */
  again(noted: M & Noted): void {
    let place = this.heap.push(noted) - 1
    while (place > 0) {
      const up = (place - 1) >> 1
      if (!before(noted, this.heap[up]!)) break
      this.heap[place] = this.heap[up]!
      place = up
    }
    this.heap[place] = noted
  }

  next(): (M & Noted) | undefined {
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
