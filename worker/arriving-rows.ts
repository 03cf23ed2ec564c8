// Puzzle rows on their way to a step: whether all of them are here. What comes twice counts once, or it would stand in for
// what was lost, and what comes after the step began must not count for the next.

export class ArrivingRows {
  private of = ''
  private readonly firsts = new Set<number>()
  private floats = 0
  private waiting: (() => void) | undefined

  /** @param step names the attempt at a step; @param first row of the message; @param floats in it */
  add(step: string, first: number, floats: number): void {
    if (step !== this.of) this.begin(step)
    if (this.firsts.has(first)) return
    this.firsts.add(first)
    this.floats += floats
    this.waiting?.()
  }

  /** Resolves when so many floats of the step have come, or never, if another step begins first. */
  async await(step: string, floats: number): Promise<void> {
    if (step !== this.of) this.begin(step)
    while (this.floats < floats || this.of !== step) await new Promise<void>((resolve) => (this.waiting = resolve))
  }

  private begin(step: string): void {
    this.of = step
    this.firsts.clear()
    this.floats = 0
  }
}
