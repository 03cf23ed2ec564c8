// Buckets: equal slices of the flat gradient, and who sums them. Tensor boundaries do not matter, so nothing can fall
// between them. The topology is `ownerOf`, one pure line.
import type { ReduceConfig } from '../config/run-config.js'
import type { WorkerId } from '../ids.js'

export interface Bucket {
  readonly index: number
  /** First element, and one past the last. */
  readonly from: number
  readonly to: number
}

export type Owner = WorkerId | 'coordinator'

/** Bytes of one gradient element on the wire. */
export const wireBytes = (wire: ReduceConfig['wire']): number => (wire === 'bf16' ? 2 : 4)

export function planBuckets(elements: number, reduce: ReduceConfig): Bucket[] {
  const size = Math.max(1, Math.floor(reduce.bucketBytes / wireBytes(reduce.wire)))
  return Array.from({ length: Math.ceil(elements / size) }, (_, index) => ({
    index,
    from: index * size,
    to: Math.min((index + 1) * size, elements),
  }))
}

/** `members` in the order of the epoch. */
export const ownerOf = (bucket: Bucket, members: readonly WorkerId[], topology: ReduceConfig['topology']): Owner =>
  topology === 'star' ? 'coordinator' : (members[bucket.index % members.length] ?? 'coordinator')
