// Names of copies of a replica's state: of a step boundary, for a checkpoint; of a membership, for those who take over slots or
// state. A worker that misses the word to let go of one finds out from the name that nobody wants it any more.
import type { Epoch, Step } from '../ids.js'
import type { SnapshotId } from './messages.js'

export const boundaryCopy = (step: Step, epoch: Epoch): SnapshotId => `step-${step}-${epoch}` as SnapshotId
export const joinCopy = (epoch: Epoch): SnapshotId => `join-${epoch}` as SnapshotId
export const differingCopy = (step: Step, epoch: Epoch): SnapshotId => `differs-${step}-${epoch}` as SnapshotId

/** Over as soon as a step begins: everybody has what it needs then. */
export const isJoinCopy = (id: SnapshotId): boolean => id.startsWith('join-')
/** Over as soon as another boundary is copied: checkpoints are written one after the other. */
export const isBoundaryCopy = (id: SnapshotId): boolean => id.startsWith('step-')
