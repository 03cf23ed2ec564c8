// Every deadline of the protocol in one place. What is short on a step of milliseconds is nothing on one of minutes, so they
// grow with the rolling time of a step, between bounds. Asking again costs a few small messages, so it comes first; a replayed
// step costs a step, so it waits longer; giving a worker up costs what only that worker has. Pure.
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

/** A hello that nobody answers is said again, by a new session. */
export const HELLO_MS = 2_500
/** Silence of the coordinator after which a worker says that it waits. */
export const BEACON_SILENT_MS = 3_000

/** Requests for ranges of state: how often one is made, and how long the first is waited for; then twice as long each time. */
export const PULL_ATTEMPTS = 5
export const PULL_MS = 2_000
/** Later ones of the same transfer are waited for so many times as long as the slowest so far took. */
export const PULL_MARGIN = 4
