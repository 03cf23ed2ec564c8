// The faults: what is done, to whom, and at which message it happens. A message stands for the phase of which it is a part,
// and the fault happens while it is on the cable, so it hits that phase and no other.
import type { Rng } from '../../shared/rng/counter.js'
import type { Direction } from './link.js'

export const KINDS = ['kill', 'stop', 'silence', 'sleep', 'cut', 'drop', 'double', 'damage', 'delay', 'nan', 'shape', 'stale', 'full-disk', 'slow-disk', 'clock', 'noise', 'late', 'leave'] as const // prettier-ignore
export type Kind = (typeof KINDS)[number]

export const MEANING: Readonly<Record<Kind, string>> = {
  kill: 'kill -9, started again',
  stop: 'SIGSTOP for 1 s',
  silence: 'SIGSTOP for longer than a worker lives',
  sleep: 'all processes stopped for 3 s, as when a machine sleeps',
  cut: 'connection torn',
  drop: 'message lost',
  double: 'message twice',
  damage: 'one bit of a message flipped',
  delay: 'message held up 700 ms, and all behind it',
  nan: 'gradient of NaN, checksum right',
  shape: 'gradient of half the length, checksum right',
  stale: 'gradient of the epoch before, checksum right',
  'full-disk': 'no room for a checkpoint',
  'slow-disk': 'for 3 s every write and sync takes 150 ms longer',
  clock: 'wall clock set by up to a day, forwards or back',
  late: 'message overtaken by those behind it, for up to 1.5 s',
  leave: 'SIGTERM, started again',
  noise: 'a stranger publishes noise, old messages and gradients on all subjects',
}

/** How long what is said above takes, in real and in virtual time. */
export const STOP_MS = 1000
export const SLEEP_MS = 3000
export const DELAY_MS = 700
export const BROKER_GONE_MS = 500
export const DISK_FULL_MS = 2000
export const SLOW_DISK_MS = 3000
export const DAY_MS = 86_400_000

export type Victim = 'worker' | 'coordinator' | 'broker' | 'newcomer'

export interface Fault {
  readonly kind: Kind
  readonly victim: Victim
  /** Type of the message, and which way it goes as seen from `seenBy`. */
  readonly at: string
  readonly direction: Direction
  /** Whose cable is watched. */
  readonly seenBy: 'worker' | 'coordinator' | 'newcomer'
  readonly phase: Phase
}

export type Phase =
  'joining' | 'data' | 'computing' | 'reducing' | 'voting' | 'committing' | 'checkpointing' | 'evaluating'

/** Messages of a worker's cable; `range` is the answer to a pull. */
const OF_WORKER: readonly (readonly [string, Direction, Phase])[] = [
  ['rows', 'in', 'data'],
  ['begin', 'in', 'computing'],
  ['rowGradients', 'out', 'computing'],
  ['result', 'out', 'computing'],
  ['part', 'out', 'reducing'],
  ['mean', 'in', 'reducing'],
  ['vote', 'out', 'voting'],
  ['commit', 'in', 'committing'],
  ['snapshot', 'in', 'checkpointing'],
  ['snapshotReady', 'out', 'checkpointing'],
  ['pull', 'in', 'checkpointing'],
  ['range', 'out', 'checkpointing'],
  ['evaluate', 'in', 'evaluating'],
  ['evaluated', 'out', 'evaluating'],
]
/** Messages of a worker that comes while the others train. */
const OF_NEWCOMER: typeof OF_WORKER = [
  ['hello', 'out', 'joining'],
  ['prepared', 'out', 'joining'],
  ['assign', 'in', 'joining'],
  ['pull', 'out', 'joining'],
  ['range', 'in', 'joining'],
  ['ready', 'out', 'joining'],
]
/** Messages of the coordinator's cable. */
const OF_COORDINATOR: typeof OF_WORKER = [
  ['begin', 'out', 'computing'],
  ['result', 'in', 'computing'],
  ['vote', 'in', 'voting'],
  ['commit', 'out', 'committing'],
  ['snapshot', 'out', 'checkpointing'],
  ['snapshotReady', 'in', 'checkpointing'],
  ['pull', 'out', 'checkpointing'],
  ['range', 'in', 'checkpointing'],
  ['evaluate', 'out', 'evaluating'],
  ['evaluated', 'in', 'evaluating'],
]

const each = (
  kind: Kind,
  victim: Victim,
  seenBy: Fault['seenBy'],
  moments: typeof OF_WORKER,
  wanted: (at: string) => boolean = () => true,
): Fault[] =>
  moments
    .filter(([at]) => wanted(at))
    .map(([at, direction, phase]): Fault => ({ kind, victim, seenBy, at, direction, phase }))

const among =
  (...types: readonly string[]) =>
  (at: string): boolean =>
    types.includes(at)
/** Replays, not the network, answer for these. */
const BOUNDARIES = among('begin', 'part', 'vote', 'commit', 'snapshot', 'evaluate')

/** After which nobody has lost a carry: the end must be bit for bit that of a run without faults. */
export const KEEPING: readonly Fault[] = [
  ...each('kill', 'coordinator', 'coordinator', OF_COORDINATOR),
  ...each('kill', 'broker', 'worker', OF_WORKER, BOUNDARIES),
  ...each('stop', 'worker', 'worker', OF_WORKER, BOUNDARIES),
  ...each('stop', 'coordinator', 'coordinator', OF_COORDINATOR, BOUNDARIES),
  ...each('stop', 'broker', 'worker', OF_WORKER, among('begin', 'part', 'vote', 'snapshot')),
  ...each('sleep', 'worker', 'worker', OF_WORKER, among('begin', 'part', 'commit', 'evaluate')),
  ...each('cut', 'worker', 'worker', OF_WORKER, BOUNDARIES),
  ...each('cut', 'coordinator', 'coordinator', OF_COORDINATOR, BOUNDARIES),
  ...each('drop', 'worker', 'worker', OF_WORKER),
  ...each('double', 'worker', 'worker', OF_WORKER),
  ...each('damage', 'worker', 'worker', OF_WORKER),
  ...each('delay', 'worker', 'worker', OF_WORKER),
  ...each('nan', 'worker', 'worker', OF_WORKER, among('part')),
  ...each('shape', 'worker', 'worker', OF_WORKER, among('part')),
  ...each('stale', 'worker', 'worker', OF_WORKER, among('part')),
  ...each('full-disk', 'coordinator', 'coordinator', OF_COORDINATOR, among('snapshot')),
  ...each('slow-disk', 'coordinator', 'coordinator', OF_COORDINATOR, among('snapshot', 'pull', 'commit')),
  ...each('clock', 'worker', 'worker', OF_WORKER, BOUNDARIES),
  ...each('clock', 'coordinator', 'coordinator', OF_COORDINATOR, BOUNDARIES),
  ...each('noise', 'worker', 'worker', OF_WORKER, among('begin', 'part', 'evaluate')),
]

/** After which the carries of somebody are gone: the order of the data must be the same. */
export const LOSING: readonly Fault[] = [
  ...each('kill', 'worker', 'worker', OF_WORKER),
  ...each('kill', 'newcomer', 'newcomer', OF_NEWCOMER),
  ...each('leave', 'worker', 'worker', OF_WORKER, BOUNDARIES),
  ...each('silence', 'worker', 'worker', OF_WORKER, BOUNDARIES),
  ...each('stop', 'newcomer', 'newcomer', OF_NEWCOMER),
  ...each('leave', 'newcomer', 'newcomer', OF_NEWCOMER, among('prepared', 'assign', 'ready')),
  ...each('kill', 'coordinator', 'newcomer', OF_NEWCOMER),
  ...each('kill', 'broker', 'newcomer', OF_NEWCOMER),
  ...each('stop', 'coordinator', 'newcomer', OF_NEWCOMER),
  ...each('cut', 'newcomer', 'newcomer', OF_NEWCOMER),
  ...each('drop', 'newcomer', 'newcomer', OF_NEWCOMER, among('hello', 'assign', 'pull', 'range', 'ready')),
  ...each('damage', 'newcomer', 'newcomer', OF_NEWCOMER, among('assign', 'pull', 'range', 'ready')),
]

/** What no cable does, since TCP keeps the order: in virtual time alone. */
export const OVERTAKING: readonly Fault[] = each('late', 'worker', 'worker', OF_WORKER)

/** All of them in an order of chance; the same seed, the same order. */
export function shuffled(rng: Rng, faults: readonly Fault[]): Fault[] {
  const deck = [...faults]
  for (let i = deck.length - 1; i > 0; i--) {
    const j = Math.floor(rng.uniform() * (i + 1))
    ;[deck[i], deck[j]] = [deck[j] as Fault, deck[i] as Fault]
  }
  return deck
}

export const nameOf = ({ kind, victim, at, direction }: Fault): string => `${kind} ${victim} at ${at} (${direction})`
