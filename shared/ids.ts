// Branded names and numbers, so that a slot is never passed where a step is wanted.

declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Name of one training run; part of every bus subject: letters, digits, `-` and `_` only. */
export type RunId = Brand<string, 'RunId'>
/** One life of one worker process, SEAT-LIFE: a restarted worker has a new one. Letters, digits, `-` and `_` only. */
export type WorkerId = Brand<string, 'WorkerId'>
/** Number of a lane of the global batch, 0 .. slots-1. */
export type SlotId = Brand<number, 'SlotId'>
/** Number of a supervision step = optimizer step, counted from 1; 0 is the initial state. */
export type Step = Brand<number, 'Step'>
/** Membership epoch: grows whenever the members or their slots change, and whenever a step is replayed. */
export type Epoch = Brand<number, 'Epoch'>
/** Which example of a slot's stream: how many were drawn before it. */
export type Draw = Brand<number, 'Draw'>
/** Milliseconds of a monotonic clock, or a duration in milliseconds. */
export type Millis = Brand<number, 'Millis'>

export const runId = (text: string): RunId => text as RunId
export const workerId = (text: string): WorkerId => text as WorkerId
export const slotId = (n: number): SlotId => n as SlotId
export const stepOf = (n: number): Step => n as Step
export const epochOf = (n: number): Epoch => n as Epoch
export const drawOf = (n: number): Draw => n as Draw
export const millis = (n: number): Millis => n as Millis

/** Where a worker sits if its credentials name no seat of its own. */
export const COMMON_SEAT = 'w'

/** To whom a worker's key belongs: everything before the last dash of its id. */
export const seatOf = (worker: string): string => worker.slice(0, Math.max(0, worker.lastIndexOf('-'))) || worker

/** Names that may stand inside a bus subject. */
export const isName = (text: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(text)
