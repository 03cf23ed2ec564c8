// Settings that are allowed and have turned out badly where they were tried: told in one line at the start, not refused.
import type { RunConfig } from './run-config.js'

/** Rounds of 4 steps failed with momentum 0.9 in one of three seeds, rounds of 16 never (test/bench/LOG.md, 2026-11-28). */
const SHORT_ROUND = 8
const MUCH_MOMENTUM = 0.5

/** One sentence each, with the figure it comes from and what to set instead. */
export function adviceOn({ reduce }: RunConfig): string[] {
  const { localSteps, outerLr, outerMomentum } = reduce
  const short = localSteps > 1 && localSteps < SHORT_ROUND && outerMomentum >= MUCH_MOMENTUM
  return short
    ? [
        `note: reduce.localSteps ${localSteps} with reduce.outerLr ${outerLr} and reduce.outerMomentum ${outerMomentum}: an outer step made for long rounds ` +
          `(rounds of 4 failed in one of three seeds, measured); from 16 steps on it did not, and with --reduce.outerLr 1 --reduce.outerMomentum 0 neither`,
      ]
    : []
}
