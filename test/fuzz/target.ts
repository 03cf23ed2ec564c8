// What is fuzzed: a reader of bytes from outside, and how to make bytes that are almost right.
import type { Rng } from '../../shared/rng/counter.js'

export interface Target {
  readonly name: string
  /** Of all inputs, this part; relative to the other targets. */
  readonly weight: number
  input(rng: Rng): Uint8Array
  /** Reads it; may throw only what the product's own error classes are. `accepted`: it was read to the end. */
  read(input: Uint8Array): boolean | Promise<boolean>
}
