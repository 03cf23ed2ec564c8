// Subjects of the bus, built here and nowhere else. Every subject that a worker publishes on names its seat (to whom its key
// belongs) and the worker itself, so that a server can pin each key to its own seat (deploy/nats/permissions.ts).
import { WireError } from '../errors.js'
import { seatOf, type RunId, type WorkerId } from '../ids.js'
import type { Owner } from '../gradients/buckets.js'
import type { WireKind } from '../metrics.js'
import { decode } from './codec.js'
import type { Hello } from './messages.js'

const PREFIX = 'trmesh'

/** The beacons of all runs on this server. */
export const anyBeacon = `${PREFIX}.*.beacon`

/** Subjects of one run. */
export interface Subjects {
  readonly beacon: string
  hello(worker: WorkerId): string
  readonly anyHello: string
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

/** Whoever speaks or listens, in two tokens: SEAT.NAME. */
const place = (who: Owner): string => `${seatOf(who)}.${who}`

export function subjectsOf(run: RunId): Subjects {
  const base = `${PREFIX}.${run}`
  return {
    beacon: `${base}.beacon`,
    hello: (worker) => `${base}.hello.${place(worker)}`,
    anyHello: `${base}.hello.*.*`,
    toCoordinator: (worker) => `${base}.c.${place(worker)}`,
    anyToCoordinator: `${base}.c.*.*`,
    toWorker: (worker) => `${base}.w.${place(worker)}`,
    part: (owner, source) => `${base}.part.${place(owner)}.${place(source)}`,
    partsFor: (owner) => `${base}.part.${place(owner)}.*.*`,
    mean: (owner) => `${base}.mean.${place(owner)}`,
    state: (source) => `${base}.state.${place(source)}`,
  }
}

/**
 * The worker named at the end of a subject that it published on.
 * @throws WireError if it is of another seat than the one whose key may publish there
 */
export function senderOf(subject: string): WorkerId {
  const [seat = '', worker = ''] = subject.split('.').slice(-2)
  if (seatOf(worker) === seat) return worker as WorkerId
  throw new WireError(`${worker} does not sit at ${seat}`, 'whoever says so is somebody else')
}

/** @throws WireError if the greeting is somebody else's than the subject says */
export function helloFrom(data: Uint8Array, subject: string): Hello {
  const hello = decode('hello', data)
  if (hello.worker === senderOf(subject)) return hello
  throw new WireError(`a greeting of ${hello.worker} by ${senderOf(subject)}`, 'whoever says so is somebody else')
}

const WIRE_KIND: Readonly<Record<string, WireKind>> = { part: 'parts', mean: 'means', state: 'state' }

/** What the bytes of a subject are, for the count of traffic. */
export const wireKindOf = (subject: string): WireKind => WIRE_KIND[subject.split('.', 3)[2] ?? ''] ?? 'messages'
