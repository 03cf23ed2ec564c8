// Subjects of the bus, built here and nowhere else. The name of the sender stands in every subject that a worker
// publishes on, so that server permissions can pin it.
import type { RunId, WorkerId } from '../ids.js'
import type { Owner } from '../gradients/buckets.js'
import type { WireKind } from '../metrics.js'

const PREFIX = 'trmesh'

/** The beacons of all runs on this server. */
export const anyBeacon = `${PREFIX}.*.beacon`

/** Subjects of one run. */
export interface Subjects {
  readonly beacon: string
  readonly hello: string
  /** One worker to the coordinator. */
  toCoordinator(worker: WorkerId): string
  readonly anyToCoordinator: string
  /** The coordinator to one worker: everything that must stay in order. */
  toWorker(worker: WorkerId): string
  part(owner: Owner, source: WorkerId): string
  partsFor(owner: Owner): string
  mean(owner: Owner): string
  /** Requests for ranges of state. */
  state(source: Owner): string
}

export function subjectsOf(run: RunId): Subjects {
  const base = `${PREFIX}.${run}`
  return {
    beacon: `${base}.beacon`,
    hello: `${base}.hello`,
    toCoordinator: (worker) => `${base}.c.${worker}`,
    anyToCoordinator: `${base}.c.*`,
    toWorker: (worker) => `${base}.w.${worker}`,
    part: (owner, source) => `${base}.part.${owner}.${source}`,
    partsFor: (owner) => `${base}.part.${owner}.*`,
    mean: (owner) => `${base}.mean.${owner}`,
    state: (source) => `${base}.state.${source}`,
  }
}

/** The worker named at the end of a subject that it published on. */
export const senderOf = (subject: string): WorkerId => subject.slice(subject.lastIndexOf('.') + 1) as WorkerId

const WIRE_KIND: Readonly<Record<string, WireKind>> = { part: 'parts', mean: 'means', state: 'state' }

/** What the bytes of a subject are, for the count of traffic. */
export const wireKindOf = (subject: string): WireKind => WIRE_KIND[subject.split('.', 3)[2] ?? ''] ?? 'messages'
