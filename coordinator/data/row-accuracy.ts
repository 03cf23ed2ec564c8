// Exact and cell accuracy over rows whose answer is known; cells with label 0 are not asked for (spec 2, 5.1).

export class RowAccuracy {
  private rows = 0
  private exactRows = 0
  private asked = 0
  private right = 0

  add(labels: Uint8Array, preds: Uint8Array): void {
    let asked = 0
    let right = 0
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] === 0) continue
      asked++
      if (labels[i] === preds[i]) right++
    }
    if (asked === 0) return
    this.rows++
    if (right === asked) this.exactRows++
    this.asked += asked
    this.right += right
  }

  get known(): number {
    return this.rows
  }

  /** Share of rows that are right in every cell. */
  get exact(): number {
    return this.exactRows / Math.max(1, this.rows)
  }

  get cells(): number {
    return this.right / Math.max(1, this.asked)
  }
}
