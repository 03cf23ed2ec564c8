// What is to happen when, in virtual time: the earliest first, and of the same time what was noted first. A binary heap.

interface Item {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

const before = (a: Item, b: Item): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

export class Agenda {
  private readonly heap: Item[] = []
  private order = 0

  add(at: number, run: () => void): void {
    const item = { at, order: this.order++, run }
    let place = this.heap.push(item) - 1
    while (place > 0) {
      const up = (place - 1) >> 1
      if (!before(item, this.heap[up]!)) break
      this.heap[place] = this.heap[up]!
      place = up
    }
    this.heap[place] = item
  }

  next(): Item | undefined {
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
