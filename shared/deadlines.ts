// All deadlines in one place: those of a step, of joining and pulling, of leading and parting. What is short on a step of
// milliseconds is nothing on one of minutes, so those of a step grow with its rolling time, between bounds. Asking again
// costs a few small messages, so it comes first; a replayed step costs a step, so it waits longer; giving a worker up costs
// what only that worker has. Pure.
import type { Millis } from './ids.js'

/** How often a process looks whether something is overdue. */
export const LOOK_MS = 250

/** How often a coordinator says that it leads. */
export const BEACON_MS = 250
/** Silence after which its run may be taken over. */
export const TAKEN_OVER_MS = 3 * BEACON_MS
/** Silence of a coordinator after which a worker says so, and follows whoever leads, whatever epoch that one is at. */
export const SILENT_MS = 3_000

/** How long a greeting is waited for; whoever was to answer it has died, or the server has. */
export const HELLO_MS = 3_000

/** A pull of which nothing has come for so long is asked for again, beside what was asked before: slow is not lost. */
export const pullAgainAfter = (asked: number): Millis => (2_000 * 2 ** asked) as Millis
/** How often at most, and when whoever was asked is given up. */
export const PULLS = 4
export const PULL_MS = 40_000

/** How long the end of a run waits for goodbyes: who beats meanwhile is told again. */
export const farewellWithin = (heartbeatMs: number): Millis => Math.max(500, 3 * heartbeatMs) as Millis

export interface Deadlines {
  /** Who waits for us, or we for its word, this long without a byte moving, is asked, or told, again. */
  readonly askAfter: Millis
  /** Asking did not help, and everybody waits: the step is begun anew. */
  readonly stallAfter: Millis
  /** Silence after which a worker is dead. */
  readonly deadAfter: Millis
}

/** [least, most] in milliseconds, and the part of a step's time in between. */
const ASK = { least: 1_000, most: 10_000, part: 1 / 10 }
const STALL = { least: 8_000, most: 60_000, part: 1 }
const DEAD = { most: 30_000, part: 1 / 4 }

const between = (least: number, value: number, most: number): Millis => Math.max(least, Math.min(value, most)) as Millis

/**
 * @param stepMs rolling time of a step, 0 before the first
 * @param deadAtLeast setting cluster.deadAfterMs
 */
export const deadlinesOf = (stepMs: number, deadAtLeast: number): Deadlines => ({
  askAfter: between(ASK.least, stepMs * ASK.part, ASK.most),
  stallAfter: between(STALL.least, stepMs * STALL.part, STALL.most),
  deadAfter: between(deadAtLeast, stepMs * DEAD.part, DEAD.most),
})

/** Weight of the last step in the rolling time. */
const LAST = 0.2
export const rolling = (before: number, last: number): number => (before === 0 ? last : before + LAST * (last - before))
