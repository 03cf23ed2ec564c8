// What the processes of the all-reduce benchmark tell each other, and the round they run: whose gradient is what, and what
// the mean of all must be.
import type { ReduceConfig } from '../../shared/config/run-config.js'
import { decodeWire, encodeWire } from '../../shared/gradients/bf16.js'
import { planBuckets, wireLength } from '../../shared/gradients/buckets.js'
import { fingerprint } from '../../shared/gradients/fingerprint.js'
import { OwnedBuckets } from '../../shared/gradients/owner.js'
import { epochOf, stepOf, workerId, type WorkerId } from '../../shared/ids.js'

export type Mode = 'naive' | ReduceConfig['topology']

/** First message: who we are. */
export interface Setup {
  readonly url: string
  readonly elements: number
  /** Of all processes but the star's coordinator, in order. */
  readonly workers: number
  /** Our own index; -1: the coordinator. */
  readonly index: number
  readonly wire: ReduceConfig['wire']
  readonly bucketBytes: number
}

/** All later ones: make a gradient, answered by 'ready'; then reduce it, answered by Done. */
export interface Round {
  readonly type: 'prepare' | 'reduce'
  readonly mode: Mode
  /** From 1, per mode. */
  readonly step: number
}

export interface Done {
  /** Milliseconds since 1970. */
  readonly ended: number
  /** Milliseconds of processor time since the word to begin. */
  readonly cpu: number
  readonly hash: string
  /** Bytes resident. */
  readonly rss: number
  /** Messages that were dropped, for whatever reason; more than 0 is a bug. */
  readonly dropped: number
}

export const EPOCH = epochOf(1)
export const IN_FLIGHT_BYTES = 8 << 20

export const teamOf = ({ workers }: Setup): WorkerId[] => Array.from({ length: workers }, (_, i) => workerId(`w-${i}`))

export const reduceOf = ({ wire, bucketBytes }: Setup, topology: ReduceConfig['topology']): ReduceConfig => ({
  topology,
  wire,
  mode: 'fast',
  group: 1,
  bucketBytes,
  inFlightBytes: IN_FLIGHT_BYTES,
})

/** The gradient of one worker in one round. */
export function fill(grad: Float32Array, index: number, step: number): void {
  let state = (index + 1) * 2654435761 + step * 40503
  for (let i = 0; i < grad.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    grad[i] = (state / 0x80000000) * 1e-3
  }
}

/** The sum over workers in their order, as it must arrive: for the parent to hold against what did. */
export function expectedHash(setup: Setup, step: number): string {
  const reduce = reduceOf(setup, 'sharded')
  const grad = new Float32Array(setup.elements)
  const mean = new Float32Array(setup.elements)
  const team = teamOf(setup)
  // The owner's own arithmetic without a network, which test/property/reduce.test.ts holds against a plain sum.
  const owner = new OwnedBuckets(
    'coordinator',
    planBuckets(setup.elements, reduce),
    { ...reduce, topology: 'star' },
    (bucket, bytes) => decodeWire(bytes, setup.wire, mean.subarray(bucket.from, bucket.to)),
  )
  owner.assign(EPOCH, stepOf(0), team)
  team.forEach((source, i) => {
    fill(grad, i, step)
    for (const bucket of planBuckets(setup.elements, reduce)) {
      const bytes = new Uint8Array(wireLength(bucket.to - bucket.from, setup.wire))
      encodeWire(grad.subarray(bucket.from, bucket.to), setup.wire, bytes)
      owner.offer(EPOCH, stepOf(1), bucket.index, source, bytes)
    }
  })
  return fingerprint(mean)
}
