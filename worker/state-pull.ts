// What a worker pulls when it takes up an assignment: the dense state, if it has none, and the carries of slots that come to
// it in the middle of an example.
import { bytesOf } from '../shared/bytes.js'
import type { RunConfig } from '../shared/config/run-config.js'
import type { SlotId, WorkerId } from '../shared/ids.js'
import type { CoordinatorMessage, SnapshotId } from '../shared/protocol/messages.js'
import type { Subjects } from '../shared/protocol/subjects.js'
import { latentsOf } from '../shared/recursion.js'
import type { Bus } from '../shared/bus/bus.js'
import { pull } from '../shared/bus/transfer.js'
import type { Owner } from '../shared/gradients/buckets.js'
import type { Arena } from './arena.js'
import { carryElements } from './compute/carry.js'
import type { Begin, SlotOrder } from './compute/port.js'

type Assign = Extract<CoordinatorMessage, { type: 'assign' }>

export interface PullPorts {
  readonly config: RunConfig
  readonly me: WorkerId
  readonly bus: Bus
  readonly subjects: Subjects
  readonly arena: Arena
}

/** Fills the arena. @returns the initial states of the recursion */
export async function pullDense(
  { arena, bus, subjects, config, me }: PullPorts,
  { source, snapshot, members }: Assign,
): Promise<{ hInit: Float32Array<ArrayBuffer>; lInit: Float32Array<ArrayBuffer> }> {
  const subject = subjects.state(source as Owner)
  // With local steps a resumed worker takes up the moments of its place in the team; a newcomer those of whom it asks.
  const range = { snapshot, slot: members.indexOf(me) as SlotId, offset: 0 }
  const more = (['outer', 'gathered'] as const).filter((segment) => arena[segment].length > 0)
  for (const segment of ['params', 'ema', 'm', 'v', ...more] as const)
    await pull(bus, subject, { ...range, segment, length: arena[segment].byteLength }, bytesOf(arena[segment]))
  const states = {
    hInit: new Float32Array(config.model.hidden),
    lInit: new Float32Array(latentsOf(config.model) * config.model.hidden),
  }
  for (const segment of ['hInit', 'lInit'] as const)
    await pull(bus, subject, { ...range, segment, length: states[segment].byteLength }, bytesOf(states[segment]))
  return states
}

/** f32 [slots to pull, carry], in memory that both threads see. */
export async function pullCarries({ bus, subjects, config }: PullPorts, message: Assign): Promise<Float32Array> {
  const wanted = message.slots.filter((_, i) => message.carry[i] === 'pull')
  const elements = carryElements(config)
  const carries = new Float32Array(new SharedArrayBuffer(wanted.length * elements * Float32Array.BYTES_PER_ELEMENT))
  for (const [i, slot] of wanted.entries()) {
    const into = bytesOf(carries.subarray(i * elements, (i + 1) * elements))
    const at = message.slots.indexOf(slot)
    const subject = subjects.state(message.holders[at] as Owner)
    const snapshot = (message.copies[at] || message.snapshot) as SnapshotId
    await pull(bus, subject, { snapshot, segment: 'carry', slot, offset: 0, length: into.length }, into)
  }
  return carries
}

/** @param examples of the slots to pull, in order */
export function ordersOf({ slots, carry, steps }: Assign, examples: readonly Begin[]): SlotOrder[] {
  const underWay = new Map(examples.map((example) => [example.slot, example]))
  return slots.map((slot, i) => {
    const example = underWay.get(slot)
    if (example !== undefined) return { slot, carry: 'load', steps: steps[i] ?? 0, example }
    return { slot, carry: carry[i] === 'keep' ? 'keep' : 'reset' }
  })
}
