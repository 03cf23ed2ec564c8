// The deadlines of a step in one place; those of joining and of pulls stand where they are waited for. What is short on a step
// of milliseconds is nothing on one of minutes, so they grow with the rolling time of a step, between bounds. Asking again
// costs a few small messages, so it comes first; a replayed step costs a step, so it waits longer; giving a worker up costs
// what only that worker has. Pure.
import type { Millis } from './ids.js'

/** How often a process looks whether something is overdue. */
export const LOOK_MS = 250

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
