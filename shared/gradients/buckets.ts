// Buckets: equal slices of the flat gradient, and who sums them. Tensor boundaries do not matter, so nothing can fall
// between them. The topology is `ownerOf`, one pure line.
import type { ReduceConfig } from '../config/run-config.js'
import type { WorkerId } from '../ids.js'
import { BLOCK, BLOCK_BYTES, int8Length } from './int8.js'

export interface Bucket {
  readonly index: number
  /** First element, and one past the last. */
  readonly from: number
  readonly to: number
}

export type Owner = WorkerId | 'coordinator'

const WIRE_BYTES = { bf16: 2, f32: 4, int8: BLOCK_BYTES / BLOCK } as const satisfies Record<
  ReduceConfig['wire'],
  number
>

/** Bytes of one gradient element on the wire; of int8 with its share of the scale. */
export const wireBytes = (wire: ReduceConfig['wire']): number => WIRE_BYTES[wire]

/** Bytes of so many elements on the wire. */
export const wireLength = (elements: number, wire: ReduceConfig['wire']): number =>
  wire === 'int8' ? int8Length(elements) : elements * WIRE_BYTES[wire]

/** Elements of a full bucket: whole blocks of int8, so that where buckets are cut changes no bit. */
function bucketElements({ bucketBytes, wire }: ReduceConfig): number {
  if (wire === 'int8') return BLOCK * Math.max(1, Math.floor(bucketBytes / BLOCK_BYTES))
  return Math.max(1, Math.floor(bucketBytes / WIRE_BYTES[wire]))
}

export function planBuckets(elements: number, reduce: ReduceConfig): Bucket[] {
  const size = bucketElements(reduce)
  return Array.from({ length: Math.ceil(elements / size) }, (_, index) => ({
    index,
    from: index * size,
    to: Math.min((index + 1) * size, elements),
  }))
}

/** `members` in the order of the epoch. */
export const ownerOf = (bucket: Bucket, members: readonly WorkerId[], topology: ReduceConfig['topology']): Owner =>
  topology === 'star' ? 'coordinator' : (members[bucket.index % members.length] ?? 'coordinator')

/** Whether an assignment leaves the members, and so the owners of buckets, as they were. */
export const sameTeam = (one: readonly WorkerId[], other: readonly WorkerId[]): boolean =>
  one.length === other.length && one.every((id, i) => id === other[i])
