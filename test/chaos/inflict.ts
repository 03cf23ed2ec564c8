// Does what a fault says, while its message is on the cable.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectBus } from '../../shared/bus/bus.js'
import { encode } from '../../shared/protocol/codec.js'
import { crc32 } from '../../shared/protocol/crc32.js'
import type { MessageOf } from '../../shared/protocol/messages.js'
import type { Rng } from '../../shared/rng/counter.js'
import { below, mutated } from '../fuzz/mutate.js'
import type { Crew, Role } from './crew.js'
import {
  BROKER_GONE_MS,
  DAY_MS,
  DELAY_MS,
  DISK_FULL_MS,
  SLEEP_MS,
  SLOW_DISK_MS,
  STOP_MS,
  type Fault,
} from './faults.js'
import { around, type Frame, type Seen } from './frames.js'
import type { Fate } from './link.js'

const NOISE_MESSAGES = 300

export interface Scene {
  readonly crew: Crew
  readonly rng: Rng
  /** On whose cable the message is. */
  readonly role: Role
  /** Longer than this, a silent worker is dead. */
  readonly deadAfterMs: number
  /** Messages of before, with their subjects. */
  readonly old: readonly { readonly subject: string; readonly payload: Buffer }[]
  /** Folder whose disk can be filled. */
  readonly disk: string
  /** What goes wrong in doing harm. */
  readonly failed: (error: unknown) => void
}

/** @returns what becomes of the message itself; undefined: it passes */
export function inflict({ kind, victim }: Fault, scene: Scene, seen: Seen, frame: Frame): Fate | undefined {
  const { crew, rng, role } = scene
  const target: Role = victim === 'coordinator' || victim === 'broker' ? victim : role
  switch (kind) {
    case 'kill':
      if (victim === 'broker') {
        void crew.restartBroker(BROKER_GONE_MS).catch(scene.failed)
        return undefined
      }
      crew.signal(target, 'SIGKILL')
      // With or without its last word.
      if (rng.uniform() < 0.5) return undefined
      crew.cut(role)
      return { frames: [] }
    case 'leave':
      crew.leave(target)
      return undefined
    case 'stop':
      pauseFor(crew, [target], STOP_MS)
      return undefined
    case 'silence':
      pauseFor(crew, [target], 2 * scene.deadAfterMs + 500)
      return undefined
    case 'sleep':
      pauseFor(crew, ['broker', ...crew.roles], SLEEP_MS)
      return undefined
    case 'cut':
      crew.cut(role)
      return undefined
    case 'drop':
      return { frames: [] }
    case 'late':
      throw new Error('a cable keeps the order of messages: this fault is for virtual time')
    case 'double':
      return { frames: [frame, frame] }
    case 'delay':
      return { frames: [frame], delayMs: DELAY_MS }
    case 'damage': {
      const payload = Buffer.from(frame.payload ?? Buffer.alloc(1))
      const at = below(rng, payload.length)
      payload[at] = (payload[at] ?? 0) ^ (1 << below(rng, 8))
      return { frames: [around(frame, payload)] }
    }
    case 'nan':
    case 'shape':
    case 'stale':
      return { frames: [around(frame, Buffer.from(forged(kind, seen)))] }
    case 'full-disk':
      fill(scene.disk)
      setTimeout(() => rmSync(join(scene.disk, 'filler'), { force: true }), DISK_FULL_MS)
      return undefined
    case 'slow-disk':
      crew.change(target, { slowFor: SLOW_DISK_MS })
      return undefined
    case 'clock':
      crew.change(target, { jump: Math.round((2 * rng.uniform() - 1) * DAY_MS) })
      return undefined
    case 'noise':
      void noise(scene).catch(scene.failed)
      return undefined
    default:
      return kind satisfies never
  }
}

function pauseFor(crew: Crew, roles: readonly Role[], ms: number): void {
  for (const role of roles) crew.signal(role, 'SIGSTOP')
  setTimeout(() => roles.forEach((role) => crew.signal(role, 'SIGCONT')), ms)
}

/** A gradient that its sender believes in. */
export function forged(kind: 'nan' | 'shape' | 'stale', { type, fields }: Seen): Uint8Array {
  const part = { type, ...fields } as Extract<MessageOf<'gradients'>, { type: 'part' }>
  const right = part.data
  const data =
    kind === 'nan'
      ? new Uint8Array(new Float32Array(right.length / 4).fill(NaN).buffer)
      : kind === 'shape'
        ? right.subarray(0, (right.length >> 4) << 3)
        : right
  const epoch = kind === 'stale' ? ((part.epoch - 1) as typeof part.epoch) : part.epoch
  return encode('gradients', { ...part, epoch, data, crc: crc32(data) })
}

/** Writes until there is no room. */
function fill(folder: string): void {
  const path = join(folder, 'filler')
  for (let chunk = 1 << 20; chunk >= 4096;)
    try {
      writeFileSync(path, Buffer.alloc(chunk), { flag: 'a' })
    } catch {
      chunk >>= 1
    }
  if (readFileSync(path).length === 0) throw new Error(`${folder} was full before`)
}

/** Nobody of ours, on every subject of ours: damaged messages anywhere, and old gradients, votes and results as they were. */
async function noise({ crew, rng, old }: Scene): Promise<void> {
  const url = `nats://127.0.0.1:${crew.brokerPort}`
  const bus = await connectBus({ url, credentials: '', name: 'stranger', inFlightBytes: 1 << 20 })
  try {
    for (let i = 0; i < NOISE_MESSAGES && old.length > 0; i++) {
      const { subject, payload } = old[below(rng, old.length)] as (typeof old)[number]
      const again = /\.(c|part|mean)\./.test(subject) && rng.uniform() < 0.5
      // Damage in the first byte, so that it can never be read as what it was.
      const damaged = Uint8Array.from(mutated(rng, [payload], [payload]))
      if (damaged.length > 0) damaged[0] = 0xc1
      bus.publish(subject, again ? payload : damaged)
    }
    await bus.flush()
  } finally {
    await bus.close()
  }
}
