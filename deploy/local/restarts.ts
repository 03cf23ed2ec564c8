// How often something that dies is started again: some times within some minutes. What dies once a day for a year is started
// for a year; what dies at once, again and again, is not.

const MOST = 5
const WITHIN_MS = 10 * 60_000

export class Restarts {
  private readonly at: number[] = []

  /** @param now milliseconds of any steady clock @returns whether to start it once more */
  mayStart(now: number): boolean {
    while (this.at.length > 0 && now - this.at[0]! > WITHIN_MS) this.at.shift()
    this.at.push(now)
    return this.at.length <= MOST
  }
}
