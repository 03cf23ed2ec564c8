// The worst error of a golden file against its tolerance. A ratio up to 1 passes; what must be equal and is not counts as
// infinite.

export class Comparison {
  private worst = { ratio: 0, what: 'nothing compared' }
  private compared = 0
  readonly notes: string[] = []

  private take(ratio: number, what: () => string): void {
    this.compared++
    const honest = Number.isNaN(ratio) ? Infinity : ratio
    if (honest > this.worst.ratio || this.compared === 1) this.worst = { ratio: honest, what: what() }
  }

  /** |actual - expected| against `tolerance`. */
  close(what: string, actual: number, expected: number, tolerance: number): void {
    const error = Math.abs(actual - expected)
    this.take(
      error === 0 ? 0 : error / tolerance,
      () => `${what}: ${actual} for ${expected}, may differ by ${tolerance}`,
    )
  }

  /** Element by element; `tolerance` may depend on the element. */
  allClose(
    what: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    tolerance: number | ((i: number) => number),
  ): void {
    this.equal(`${what} length`, actual.length, expected.length)
    for (let i = 0; i < expected.length; i++) {
      const allowed = typeof tolerance === 'number' ? tolerance : tolerance(i)
      const error = Math.abs((actual[i] as number) - (expected[i] as number))
      this.take(
        error === 0 ? 0 : error / allowed,
        () => `${what}[${i}]: ${actual[i]} for ${expected[i]}, may differ by ${allowed}`,
      )
    }
  }

  equal(what: string, actual: unknown, expected: unknown): void {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
    this.take(a === b ? 0 : Infinity, () => `${what}: ${a} for ${b}`)
  }

  note(text: string): void {
    this.notes.push(text)
  }

  result(): { ok: boolean; ratio: number; what: string; compared: number; notes: string[] } {
    return { ok: this.compared > 0 && this.worst.ratio <= 1, ...this.worst, compared: this.compared, notes: this.notes }
  }
}
