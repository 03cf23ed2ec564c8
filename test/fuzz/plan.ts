// Which reader gets which input, what one input may cost, and what the thread tells.
import { rngFor } from '../../shared/rng/counter.js'
import type { Target } from './target.js'

/** What a reader may hold when it is done with an input: so much, and so much for each byte of it. */
export const MEMORY_PER_INPUT = 32 << 20
export const MEMORY_PER_BYTE = 400

export interface Order {
  readonly seed: number
  readonly inputs: number
  /** First input of this thread; those before are done. */
  readonly from: number
  readonly only: string | undefined
  /** URL of the module that exports TARGETS. */
  readonly targets: string
  /** The number of the input in work, as a double. */
  readonly at: SharedArrayBuffer
}

export interface Failure {
  readonly target: string
  readonly index: number
  readonly why: string
  readonly input: Uint8Array
}

export interface Tally {
  inputs: number
  /** Read to the end without complaint. */
  accepted: number
  ms: number
  slowestMs: number
  /** Number of the slowest input. */
  slowest: number
  /** Most bytes that were still held after one input. */
  grown: number
}

/** The targets of a module. */
export const targetsOf = async (url: string): Promise<readonly Target[]> =>
  ((await import(url)) as { TARGETS: readonly Target[] }).TARGETS

/** By weight, and the same for every run with this seed. */
export function planned(targets: readonly Target[], seed: number, index: number): Target {
  const whole = targets.reduce((sum, { weight }) => sum + weight, 0)
  let left = rngFor(seed, 'target', index).uniform() * whole
  const found = targets.find(({ weight }) => (left -= weight) < 0)
  if (found === undefined) throw new RangeError('no targets')
  return found
}
