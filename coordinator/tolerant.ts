// What may arrive from the bus and be no message of ours.
import { WireError } from '../shared/errors.js'

/** Runs a handler of bus bytes; what is not a message of ours is counted and dropped. */
export function tolerant(handle: () => void, onGarbage: (why: string) => void): void {
  try {
    handle()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    onGarbage(error.message)
  }
}
