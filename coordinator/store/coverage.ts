// Which bytes of a file were written: ranges arrive from several workers in any order, and none may be missing or come twice.

export class Coverage {
  /** Disjoint, ascending, never touching. */
  private ranges: { from: number; to: number }[] = []

  constructor(private readonly length: number) {}

  /** @returns false when the range overlaps one that was added, or leaves the file; then nothing changed */
  add(from: number, to: number): boolean {
    if (from < 0 || from > to || to > this.length) return false
    if (from === to) return true
    const at = this.ranges.findIndex((range) => range.to >= from)
    const index = at === -1 ? this.ranges.length : at
    const before = this.ranges[index]
    const joinsBefore = before?.to === from
    const next = joinsBefore ? this.ranges[index + 1] : before
    if (next !== undefined && next.from < to) return false
    const joinsNext = next?.from === to
    if (joinsBefore && joinsNext) {
      before.to = next.to
      this.ranges.splice(index + 1, 1)
    } else if (joinsBefore) before.to = to
    else if (joinsNext) next.from = from
    else this.ranges.splice(index, 0, { from, to })
    return true
  }

  /** First byte that is missing, or undefined when there is none. */
  firstGap(): number | undefined {
    const first = this.ranges[0]
    const covered = first?.from === 0 ? first.to : 0
    return covered < this.length ? covered : undefined
  }
}
