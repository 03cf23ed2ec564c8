// When the dense weights begin to learn. Where `train.freezeDense` is above 0 a run first trains puzzle rows only: until that
// part of its steps is done, or of its minutes, whichever comes first; then both, for good. With steps alone this is a
// function of the step; with minutes a clock decides, so the step is noted in every checkpoint and a resumed run keeps it.
import type { TrainConfig } from '../shared/config/run-config.js'
import type { Millis, Step } from '../shared/ids.js'

const MINUTE_MS = 60_000

export class DenseFreeze {
  /** When the first frozen step of this process began. */
  private since: Millis | undefined

  /** @param thawed first step that trained them, as the checkpoint tells; undefined if none has yet */
  constructor(
    private readonly train: Pick<TrainConfig, 'freezeDense' | 'steps' | 'minutes'>,
    private readonly now: () => Millis,
    private thawedAt: number | undefined,
  ) {}

  get thawed(): number | undefined {
    return this.thawedAt
  }

  /** Decides it for the step to come; all replicas are told the same. */
  frozen(step: Step): boolean {
    const { freezeDense, steps, minutes } = this.train
    if (freezeDense === 0 || (this.thawedAt !== undefined && step >= this.thawedAt)) return false
    const now = this.now()
    this.since ??= now
    const early = step <= Math.floor(freezeDense * steps)
    const inTime = minutes === 0 || now - this.since < freezeDense * minutes * MINUTE_MS
    if (early && inTime) return true
    this.thawedAt = step
    return false
  }
}
