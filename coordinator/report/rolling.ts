// A weighted mean over the last few values.
export class Rolling {
  private readonly values: { value: number; weight: number }[] = []

  constructor(private readonly length: number) {}

  /** `value` is a sum over `weight` items. */
  add(value: number, weight = 1): void {
    this.values.push({ value, weight })
    if (this.values.length > this.length) this.values.shift()
  }

  get sum(): number {
    return this.values.reduce((sum, { value }) => sum + value, 0)
  }

  get weight(): number {
    return this.values.reduce((sum, { weight }) => sum + weight, 0)
  }

  /** NaN while there is nothing. */
  get mean(): number {
    return this.sum / this.weight
  }
}
