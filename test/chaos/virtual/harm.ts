// Does in virtual time what a fault says, while its message is on the cable.
import type { Rng } from '../../../shared/rng/counter.js'
import { below, mutated } from '../../fuzz/mutate.js'
import {
  BROKER_GONE_MS,
  DAY_MS,
  DELAY_MS,
  DISK_FULL_MS,
  SLEEP_MS,
  SLOW_DISK_MS,
  STOP_MS,
  type Fault,
} from '../faults.js'
import { forged } from '../inflict.js'
import type { Seen } from '../frames.js'
import type { Broker, VirtualFate } from './broker.js'
import type { Role, VirtualCrew } from './crew.js'
import type { VirtualDisk } from './disk.js'
import { procOf, type VirtualTime } from './time.js'

const LATE_MS = 1500
const NOISE_MESSAGES = 60

export interface VirtualScene {
  readonly time: VirtualTime
  readonly broker: Broker
  readonly crew: VirtualCrew
  readonly disk: VirtualDisk
  readonly rng: Rng
  /** On whose cable the message is. */
  readonly role: Role
  readonly deadAfterMs: number
  /** Messages of before. */
  readonly old: readonly { readonly subject: string; readonly payload: Uint8Array }[]
}

/** @returns what becomes of the message itself; undefined: it passes */
export function harm(
  { kind, victim }: Fault,
  scene: VirtualScene,
  seen: Seen,
  payload: Uint8Array,
): VirtualFate | undefined {
  const { crew, rng, role, broker, time } = scene
  const target: Role = victim === 'coordinator' ? 'coordinator' : role
  const pause = (ms: number): void => {
    if (victim === 'broker') broker.proc.pausedUntil = time.now + ms
    else crew.pause([target], ms)
  }
  switch (kind) {
    case 'kill':
      if (victim === 'broker') broker.restart(BROKER_GONE_MS)
      else crew.kill(target)
      // With or without the last word.
      return rng.uniform() < 0.5 ? undefined : { payloads: [] }
    case 'leave':
      crew.leave(target)
      return undefined
    case 'stop':
      pause(STOP_MS)
      return undefined
    case 'silence':
      pause(2 * scene.deadAfterMs + 500)
      return undefined
    case 'sleep':
      broker.proc.pausedUntil = time.now + SLEEP_MS
      crew.pause(crew.roles, SLEEP_MS)
      return undefined
    case 'cut':
      crew.cut(role)
      return undefined
    case 'drop':
      return { payloads: [] }
    case 'double':
      return { payloads: [payload, payload] }
    case 'delay':
      return { payloads: [payload], delayMs: DELAY_MS }
    case 'late':
      return { payloads: [payload], delayMs: LATE_MS * rng.uniform(), overtaken: true }
    case 'damage': {
      const damaged = Uint8Array.from(payload)
      const at = below(rng, damaged.length)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << below(rng, 8))
      return { payloads: [damaged] }
    }
    case 'nan':
    case 'shape':
    case 'stale':
      return { payloads: [forged(kind, seen)] }
    case 'full-disk':
      scene.disk.fill(DISK_FULL_MS)
      return undefined
    case 'slow-disk':
      for (const proc of [crew.proc(target)]) if (proc !== undefined) proc.diskSlowUntil = time.now + SLOW_DISK_MS
      return undefined
    case 'clock':
      for (const proc of [crew.proc(target)])
        if (proc !== undefined) proc.clockAhead += Math.round((2 * rng.uniform() - 1) * DAY_MS)
      return undefined
    case 'noise':
      noise(scene)
      return undefined
    default:
      return kind satisfies never
  }
}

/** Nobody of ours, on every subject of ours: damaged messages anywhere, and old gradients, votes and results as they were. */
function noise({ broker, rng, old }: VirtualScene): void {
  const stranger = broker.connect(procOf('stranger'), () => undefined, { inFlightBytes: 1 << 20 })
  for (let i = 0; i < NOISE_MESSAGES && old.length > 0; i++) {
    const { subject, payload } = old[below(rng, old.length)]!
    const again = /\.(c|part|mean)\./.test(subject) && rng.uniform() < 0.5
    // Damage in the first byte, so that it can never be read as what it was.
    const damaged = Uint8Array.from(mutated(rng, [payload], [payload]))
    if (damaged.length > 0) damaged[0] = 0xc1
    stranger.publish(subject, again ? payload : damaged)
  }
}
